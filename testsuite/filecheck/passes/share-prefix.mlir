// RUN: agentc-opt %s -p "share-prefix{min-tokens=4}" --split-input-file | filecheck %s

model.spec @mind <{name = "tiny", kind = "decoder", layers = 2 : i64, hidden = 64 : i64, heads = 4 : i64, kv_heads = 2 : i64, head_dim = 16 : i64, intermediate = 128 : i64, vocab = 1000 : i64}> precision "bf16"
agent.graph entry @a {
  %q = agent.input "question" : !agent.text
  %a = llm.prefill @mind(%q) system "You are an expert of birds." prompt "A {0}" shape {input_tokens = #agent.quantity<512.0>} {agent.node = "one", agent.source = "a.yaml:1:1"} : (!agent.text) -> !kv.cache<@mind>
  %b = llm.prefill @mind(%q) system "You are an expert of birds." shape {input_tokens = #agent.quantity<300.0>} {agent.node = "two"} : (!agent.text) -> !kv.cache<@mind>
  %c = llm.prefill @mind(%q) system "Another." shape {input_tokens = #agent.quantity<300.0>} {agent.node = "three"} : (!agent.text) -> !kv.cache<@mind>
  %x = llm.decode @mind(%a) shape {} : !kv.cache<@mind> -> !agent.text
  %y = llm.decode @mind(%b) shape {} : !kv.cache<@mind> -> !agent.text
  %z = llm.decode @mind(%c) shape {} : !kv.cache<@mind> -> !agent.text
  agent.output ["x", "y", "z"](%x, %y, %z) : !agent.text, !agent.text, !agent.text
}

// 27 characters are 7 tokens.
// CHECK:      [[P:%.*]] = llm.prefill @mind() system "You are an expert of birds." shape {input_tokens = #agent.quantity<7.0, assumed>} {agent.node = "mind.prefix", agent.source = "a.yaml:1:1", agent.made_by = ["share-prefix"]} : () -> !kv.cache<@mind>
// CHECK-NEXT: llm.prefill @mind(%q) from [[P]] : !kv.cache<@mind> system "You are an expert of birds." prompt "A {0}" shape {input_tokens = #agent.quantity<512.0>, cached_tokens = #agent.quantity<7.0, assumed>} {agent.node = "one", agent.source = "a.yaml:1:1", agent.made_by = ["share-prefix"]}
// CHECK-NEXT: llm.prefill @mind(%q) from [[P]] : !kv.cache<@mind> system "You are an expert of birds." shape {input_tokens = #agent.quantity<300.0>, cached_tokens = #agent.quantity<7.0, assumed>} {agent.node = "two"
// CHECK-NEXT: llm.prefill @mind(%q) system "Another." shape {input_tokens = #agent.quantity<300.0>} {agent.node = "three"}

// -----

// Cases of a branch run one or the other: nothing is gained.
model.spec @mind <{name = "tiny", kind = "decoder", layers = 2 : i64, hidden = 64 : i64, heads = 4 : i64, kv_heads = 2 : i64, head_dim = 16 : i64, intermediate = 128 : i64, vocab = 1000 : i64}> precision "bf16"
agent.graph entry @a {
  %q = agent.input "question" : !agent.text
  %r = agent.branch %q ["a", "*"] probabilities [0.5 : f64, 0.5 : f64] : !agent.text -> !agent.text {
    %a = llm.prefill @mind(%q) system "You are an expert of birds." shape {input_tokens = #agent.quantity<512.0>} : (!agent.text) -> !kv.cache<@mind>
    %x = llm.decode @mind(%a) shape {} : !kv.cache<@mind> -> !agent.text
    agent.yield %x : !agent.text
  } {
    %a = llm.prefill @mind(%q) system "You are an expert of birds." shape {input_tokens = #agent.quantity<512.0>} : (!agent.text) -> !kv.cache<@mind>
    %x = llm.decode @mind(%a) shape {} : !kv.cache<@mind> -> !agent.text
    agent.yield %x : !agent.text
  }
  agent.output ["r"](%r) : !agent.text
}

// CHECK-NOT: from
// CHECK:     agent.output ["r"]
