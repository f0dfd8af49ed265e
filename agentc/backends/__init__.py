"""From a placed module to files: one target a folder, each an ``emit_build(request) -> list[Artifact]``.

A backend reads the request and writes below ``request.out``; it never changes the module.
"""

if __name__ != "agentc.backends":
    raise ImportError("import agentc.backends: under a second name every class would exist twice")

BACKENDS: dict[str, str] = {
    "sources": "agentc.backends.sources:emit_build",
    "llvm": "agentc.backends.llvm.build:emit_build",
    "onnx": "agentc.backends.onnx.build:emit_build",
    "cuda": "agentc.backends.cuda.build:emit_build",
    "kubernetes": "agentc.backends.kubernetes:emit_build",
}
"""Target -> ``module:function``, in the order in which a build is written; the manifest comes last and names all."""
