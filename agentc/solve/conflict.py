from dataclasses import dataclass
@dataclass
class C:
    sentences: tuple[str,...]=("x",)
def explain(p): return C()
