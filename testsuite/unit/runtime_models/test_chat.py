"""Chat templates: what transformers renders, and what a hostile one may not do."""

import json
from pathlib import Path

import pytest

from agentc.runtime.models.chat import ChatTemplate, open_chat
from agentc.support.diagnostics import Refused

pytest.importorskip("jinja2")

LLAMA = (
    "{{- bos_token }}{%- for message in messages %}\n"
    "    {{- '<|start_header_id|>' + message['role'] + '<|end_header_id|>\n\n' + message['content'] | trim }}\n"
    "    {{- '<|eot_id|>' }}\n"
    "{%- endfor %}\n"
    "{%- if add_generation_prompt %}{{- '<|start_header_id|>assistant<|end_header_id|>\n\n' }}{%- endif %}"
)
GEMMA = (
    "{{ bos_token }}{% if messages[0]['role'] == 'system' %}{{ raise_exception('System role not supported') }}{% endif %}"
    "{% for message in messages %}{{ '<start_of_turn>' + message['role'] + '\n' + message['content'] }}"
    "<end_of_turn>\n{% endfor %}{% if add_generation_prompt %}{{ '<start_of_turn>model\n' }}{% endif %}"
)


def _open(template: str, folder: Path) -> ChatTemplate:
    (folder / "chat.json").write_text(json.dumps({"template": template, "bos_token": "<s>"}))
    chat, note = open_chat(folder)
    assert chat is not None and note == ""
    return chat


@pytest.mark.parametrize("template", [LLAMA, "{% for m in messages %}{{ m | tojson }}{% endfor %}"])
def test_the_prompt_is_what_transformers_renders(template: str, tmp_path: Path) -> None:
    utils = pytest.importorskip("transformers.utils.chat_template_utils")
    messages = [{"role": "system", "content": "Be <brief>."}, {"role": "user", "content": " Grüße & 'hi' "}]
    rendered, _ = utils.render_jinja_template(
        conversations=[messages], chat_template=template, add_generation_prompt=True, bos_token="<s>"
    )
    assert _open(template, tmp_path).prompt(messages[1]["content"], messages[0]["content"]) == rendered[0]


def test_a_system_that_a_template_refuses_is_said_by_the_user(tmp_path: Path) -> None:
    assert _open(GEMMA, tmp_path).prompt("Hello", "Be brief.") == (
        "<s><start_of_turn>user\nBe brief.\n\nHello<end_of_turn>\n<start_of_turn>model\n"
    )


@pytest.mark.parametrize(
    ("template", "message"),
    [
        ("{{ messages.__class__.__mro__[1].__subclasses__() }}", "unsafe"),
        ("{{ messages.append(1) }}", "unsafe"),
        ("{% for i in range(10000000) %}x{% endfor %}", "Range too big"),
        (
            "{% for i in range(99999) %}{% for j in range(99999) %}{{ 'x' * 1000 }}{% endfor %}{% endfor %}",
            "never ends",
        ),
        ("{% include '/etc/passwd' %}", "no loader"),
        ("{{ 1 / 0 }}", "division by zero"),
        ("{{ raise_exception('roles must alternate') }}", "roles must alternate"),
        ("{{ nothing.known }}", "undefined"),
    ],
)
def test_what_a_template_may_not(template: str, message: str, tmp_path: Path) -> None:
    with pytest.raises(Refused, match=f"its chat template: .*{message}|its chat template {message}"):
        _open(template, tmp_path).prompt("Hello")


def test_what_is_no_template_is_refused(tmp_path: Path) -> None:
    with pytest.raises(Refused, match="its chat template: "):
        _open("{% if %}", tmp_path)
    (tmp_path / "chat.json").write_text("[")
    with pytest.raises(Refused, match=r"chat\.json: "):
        open_chat(tmp_path)


def test_without_the_extra_it_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert open_chat(tmp_path) == (None, "")
    (tmp_path / "chat.json").write_text("{}")
    monkeypatch.setattr("agentc.runtime.models.chat.find_spec", lambda name: None)
    chat, note = open_chat(tmp_path)
    assert chat is None and "pip install 'agentc[chat]'" in note


ENDLESS = {
    "loops": "{% for i in range(100000) %}{% for j in range(100000) %}{% endfor %}{% endfor %}",
    "product": "{{ 'x' * 1000000000 }}",
    "list": "{{ [0] * 1000000000 }}",
    "sums": "{% set n = namespace(s='x') %}{% for i in range(60) %}{% set n.s = n.s + n.s %}{% endfor %}",
    "joins": "{% set n = namespace(s='x') %}{% for i in range(60) %}{% set n.s = n.s ~ n.s %}{% endfor %}",
    "numbers": "{% set n = namespace(s=2) %}{% for i in range(60) %}{% set n.s = n.s * n.s %}{% endfor %}",
    "power": "{{ 7 ** 1000000000 }}",
    "format": "{{ '%9999999999d' % 1 }}",
}


@pytest.mark.parametrize("kind", ENDLESS)
def test_a_template_that_takes_too_much_is_ended(kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("agentc.runtime.models.sandbox.SECONDS", 0.3)
    with pytest.raises(Refused, match="its chat template never ends"):
        ChatTemplate(tmp_path, {"template": ENDLESS[kind]}).prompt("Hello", "Be kind")


def test_what_operators_give_is_what_they_give_elsewhere(tmp_path: Path) -> None:
    template = (
        "{{ 2 + 3 }} {{ 2 ** 5 }} {{ 'ab' * 2 }} {{ 7 % 4 }} {{ '%03d' % 7 }} {{ 'a' ~ 1 ~ none }} {{ [1] + [2] }}"
    )
    assert ChatTemplate(tmp_path, {"template": template}).prompt("x") == "5 32 abab 3 007 a1None [1, 2]"
