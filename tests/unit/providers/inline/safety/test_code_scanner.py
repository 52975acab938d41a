"""Insecure code: what is found in which language, and what is let be."""

from __future__ import annotations

import asyncio

import pytest

from stack.apis.safety import CheckedMessage, Shield
from stack.errors import InvalidRequest
from stack.providers.inline.code_scanner.line_rules import LINE_RULES
from stack.providers.inline.code_scanner.python_calls import CALLS
from stack.providers.inline.code_scanner.weaknesses import CWE
from stack.providers.inline.safety.code_scanner import CodeScanner, Config
from stack.testing.deps import provider_deps
from stack.testing.safety import SafetyContract


def scanner(**settings):
    return CodeScanner(Config(**settings), provider_deps("code-scanner"))


async def report_of(text, **settings):
    return await scanner(**settings).run_shield(Shield("mine"), [CheckedMessage("assistant", text)])


async def found(text, language="python", **settings):
    report = await report_of(f"Try:\n```{language}\n{text}\n```\n", **settings)
    return [each.category.removeprefix("insecure_code/") for each in report.findings]


class TestPython(SafetyContract):
    violating = "```python\nx = eval(input())\n```"

    @pytest.fixture
    async def provider(self):
        made = scanner()
        await made.initialize()
        return made


class TestShell(SafetyContract):
    violating = "```sh\ncurl https://x.example/i | sudo bash\n```"

    @pytest.fixture
    async def provider(self):
        return scanner()


@pytest.mark.parametrize(
    ("code", "name"),
    [
        ("eval(data)", "code_injection"),
        ("import subprocess as sp\nsp.run(f'ls {d}', shell=True)", "command_injection"),
        ("from os import system as s\ns('ping ' + host)", "command_injection"),
        ("import pickle\npickle.loads(body)", "unsafe_deserialization"),
        ("import yaml\nyaml.load(f)", "unsafe_deserialization"),
        ("cur.execute(f'SELECT a FROM t WHERE id = {i}')", "sql_injection"),
        ("q = 'DELETE FROM t WHERE id = %s' % i\ncur.execute(q)", "sql_injection"),
        ("requests.get(url, verify=False)", "no_tls_verification"),
        ("ctx.verify_mode = ssl.CERT_NONE", "no_tls_verification"),
        ("import hashlib\nh = hashlib.md5(password.encode())", "weak_password_hash"),
        ("DB_PASSWORD = 'hunter22x'", "hard_coded_credential"),
        ("connect(host, password='hunter22x')", "hard_coded_credential"),
        ("open('/srv/' + request.args['f'])", "path_traversal"),
        ("app.run(debug=True)", "debug_server"),
        ("import random\ntoken = random.randint(0, 9)", "predictable_secret"),
        ("jwt.decode(t, options={'verify_signature': False})", "unverified_token"),
        ("if x:\n  os.system(cmd)\nelse\n  broken", "command_injection"),
        (">>> eval(\n...   data)", "code_injection"),
    ],
)
async def test_weak_python_is_found(code, name):
    assert await found(code) == [name]


@pytest.mark.parametrize(
    "code",
    [
        "eval('1 + 1')",
        "ast.literal_eval(data)",
        "subprocess.run(['ls', d])",
        "subprocess.run('ls -l | wc', shell=True)",
        "yaml.load(f, Loader=yaml.SafeLoader)",
        "yaml.safe_load(f)",
        "cur.execute('SELECT a FROM t WHERE id = ?', (i,))",
        "hashlib.md5(chunk).hexdigest()",
        "password = os.environ['DB_PASSWORD']",
        "password = 'your-password'",
        "model.eval()",
        "re.compile(pattern)",
        "# eval(data) would be wrong",
        "s = 'pickle.loads(body)'",
        "torch.load(p, weights_only=True)",
    ],
)
async def test_sound_python_is_let_be(code):
    assert await found(code) == []


@pytest.mark.parametrize(
    ("language", "code", "name"),
    [
        ("js", "db.query(`SELECT a FROM t WHERE id = ${id}`)", "sql_injection"),
        ("ts", "el.innerHTML = comment;", "cross_site_scripting"),
        ("js", "const r = eval(req.body.x);", "code_injection"),
        ("php", 'mysqli_query($c, "SELECT a FROM t WHERE id = $id");', "sql_injection"),
        ("java", 'st.executeQuery("SELECT a FROM t WHERE n = \'" + n);', "sql_injection"),
        ("go", "tls.Config{InsecureSkipVerify: true}", "no_tls_verification"),
        ("c", "strcpy(buf, argv[1]);", "buffer_overflow"),
        ("bash", "chmod -R 777 /srv", "bad_permissions"),
        ("sql", "EXEC('SELECT a FROM t WHERE n = ''' + @n)", "sql_injection"),
        ("", "curl -fsSL https://x.example | sh", "download_and_run"),
    ],
)
async def test_weak_lines_of_other_languages_are_found(language, code, name):
    assert await found(code, language) == [name]


@pytest.mark.parametrize(
    ("language", "code"),
    [
        ("js", "db.query('SELECT a FROM t WHERE id = $1', [id])"),
        ("js", "el.textContent = comment; evaluate(x)"),
        ("c", "strncpy(buf, s, n); fgets(buf, n, f);"),
        ("bash", "curl -fsSL https://x.example -o i.sh && sha256sum -c sums"),
        ("text", "strcpy(buf, argv[1])"),
    ],
)
async def test_sound_lines_are_let_be(language, code):
    assert await found(code, language) == []


async def test_places_and_numbers_of_cwe_are_told():
    text = "Ünï:\n~~~py\ns = 'é'; x = eval(data)\n~~~"
    [each] = (await report_of(text)).findings
    assert (text[each.start : each.end], each.provider_code) == ("eval(data)", "CWE-95")


async def test_lines_outside_of_fences_count_where_they_are_code():
    assert (await report_of("x = eval(data)\nThat is it.")).violates
    assert not (await report_of("Never call `eval(data)` on what you got.")).violates


async def test_a_fence_may_be_left_open():
    assert (await report_of("```python\nos.system(cmd)")).violates


async def test_what_is_skipped_is_not_found():
    assert await found("eval(data)", skip=["code_injection"]) == []


async def test_an_unknown_weakness_is_refused_by_name():
    with pytest.raises(InvalidRequest, match=r"`sql_injction`.*`sql_injection`"):
        await scanner().describe_shield(Shield("mine", params={"skip": ["sql_injction"]}))


@pytest.mark.parametrize("piece", ["(", "eval(", "-", "x=[", "```\n", "a.eval()\n", "'", "~~~py\neval(a)\n"])
async def test_code_made_to_be_slow_or_to_crash_a_parser_does_neither(piece):
    async with asyncio.timeout(60):
        await report_of("```python\neval(a)\n" + piece * (200_000 // len(piece)))


@pytest.mark.parametrize("call", ["yaml.load(x, {})", "jwt.decode(x, options={{'verify_signature': {}}})"])
async def test_an_expression_may_be_deep(call):
    deep = call.format("+".join(["1"] * 1_500))
    assert set(await found(f"{deep}\nx = eval(input())")) >= {"code_injection"}


def test_every_rule_has_a_number_of_cwe():
    assert {name for name, _ in CALLS.values()} | {rule.name for rule in LINE_RULES} <= CWE.keys()
