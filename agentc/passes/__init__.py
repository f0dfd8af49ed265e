"""agentc's passes, one a file; ``PASSES`` names where each lives, and nothing is imported before it is asked for.

File, pass, class and test share one name: ``split-llm`` is ``split_llm.py``, ``SplitLlmPass``, ``split-llm.mlir``.
"""

if __name__ != "agentc.passes":
    raise ImportError("import agentc.passes: under a second name every class would exist twice")

PASSES: dict[str, str] = {
    "inline-agents": "agentc.passes.inline_agents:InlineAgentsPass",
    "split-llm": "agentc.passes.split_llm:SplitLlmPass",
    "split-experts": "agentc.passes.split_experts:SplitExpertsPass",
    "split-tools": "agentc.passes.split_tools:SplitToolsPass",
    "share-prefix": "agentc.passes.share_prefix:SharePrefixPass",
    "fuse-compute": "agentc.passes.fuse_compute:FuseComputePass",
    "unfuse-compute": "agentc.passes.unfuse_compute:UnfuseComputePass",
    "remove-dead-nodes": "agentc.passes.remove_dead_nodes:RemoveDeadNodesPass",
    "annotate-work": "agentc.passes.annotate_work:AnnotateWorkPass",
    "attach-fleet": "agentc.passes.attach_fleet:AttachFleetPass",
    "check-kernel-code": "agentc.passes.check_kernel_code:CheckKernelCodePass",
    "search-parallelism": "agentc.passes.search_parallelism:SearchParallelismPass",
    "place": "agentc.passes.place:PlacePass",
    "insert-transfers": "agentc.passes.insert_transfers:InsertTransfersPass",
    "find-fourier": "agentc.passes.find_fourier:FindFourierPass",
    "fold-tables": "agentc.passes.fold_tables:FoldTablesPass",
    "simplify-kernels": "agentc.passes.simplify_kernels:SimplifyKernelsPass",
    "merge-kernel-twins": "agentc.passes.merge_kernel_twins:MergeKernelTwinsPass",
    "fuse-kernels": "agentc.passes.fuse_kernels:FuseKernelsPass",
    "fuse-kernel-gathers": "agentc.passes.fuse_kernel_gathers:FuseKernelGathersPass",
    "bufferize-kernels": "agentc.passes.bufferize_kernels:BufferizeKernelsPass",
    "lower-fourier": "agentc.passes.lower_fourier:LowerFourierPass",
    "skip-automata": "agentc.passes.skip_automata:SkipAutomataPass",
    "cut-automata": "agentc.passes.cut_automata:CutAutomataPass",
    "lower-linalg-ext": "agentc.passes.lower_linalg_ext:LowerLinalgExtPass",
    "tile-kernels": "agentc.passes.tile_kernels:TileKernelsPass",
    "lower-kernels-to-loops": "agentc.passes.lower_kernels_to_loops:LowerKernelsToLoopsPass",
    "fuse-kernel-loops": "agentc.passes.fuse_kernel_loops:FuseKernelLoopsPass",
    "unpack-kernel-codes": "agentc.passes.unpack_kernel_codes:UnpackKernelCodesPass",
    "vectorize-kernels": "agentc.passes.vectorize_kernels:VectorizeKernelsPass",
    "block-column-sums": "agentc.passes.block_column_sums:BlockColumnSumsPass",
    "cut-kernel-reductions": "agentc.passes.cut_kernel_reductions:CutKernelReductionsPass",
    "stream-kernel-rows": "agentc.passes.stream_kernel_rows:StreamKernelRowsPass",
    "share-kernel-buffers": "agentc.passes.share_kernel_buffers:ShareKernelBuffersPass",
    "privatize-kernel-rows": "agentc.passes.privatize_kernel_rows:PrivatizeKernelRowsPass",
    "outline-kernel-phases": "agentc.passes.outline_kernel_phases:OutlineKernelPhasesPass",
    "merge-kernel-phases": "agentc.passes.merge_kernel_phases:MergeKernelPhasesPass",
    "plan-kernel-arena": "agentc.passes.plan_kernel_arena:PlanKernelArenaPass",
    "shorten-kernel-buffers": "agentc.passes.shorten_kernel_buffers:ShortenKernelBuffersPass",
}
"""Pass name -> ``module:attribute``."""
