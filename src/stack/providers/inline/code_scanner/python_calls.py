"""Calls in Python that are weak, by the full name of what is called, and what must be true of their arguments."""

from __future__ import annotations

import ast
import re
from collections.abc import Callable

Test = Callable[[ast.Call], bool]
SECRET_NAME = re.compile(
    r"pass(?:word|wd|phrase)|pwd|secret|token|credential|api_?key|otp\b|session_?id", re.IGNORECASE
)
_SQL = re.compile(
    r"\s*(?:SELECT\b.+\bFROM|INSERT\s+INTO|UPDATE\b.+\bSET|DELETE\s+FROM|DROP\s+TABLE)\b", re.IGNORECASE | re.DOTALL
)
_CALLER = frozenset({"request", "req", "input", "flask.request"})


def constant(node: ast.expr) -> bool:
    """Whether an expression is made of literals alone."""
    return all(isinstance(each, _LITERALS) for each in ast.walk(node))


def keyword(call: ast.Call, name: str) -> ast.expr | None:
    return next((each.value for each in call.keywords if each.arg == name), None)


def is_value(node: ast.expr | None, value: object) -> bool:
    return isinstance(node, ast.Constant) and node.value is value


def built_sql(node: ast.expr) -> bool:
    """Whether SQL is put together from more than literals: by `+`, `%`, `.format` or an f-string."""
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == "format":
        return _says_sql(node.func.value) and bool(node.args or node.keywords)
    made = isinstance(node, ast.JoinedStr) or (isinstance(node, ast.BinOp) and isinstance(node.op, ast.Add | ast.Mod))
    return made and not constant(node) and _says_sql(node)


def from_caller(node: ast.expr) -> bool:
    """Whether an expression holds what somebody else sent: `request.args["x"]`, `input()`."""
    return any(isinstance(each, ast.Name) and each.id in _CALLER for each in ast.walk(node))


def mentions(node: ast.AST, word: str) -> bool:
    """Whether a word is in a name or a text of an expression, however deep that is."""
    return any(word in said for each in ast.walk(node) for said in _said(each))


def _said(node: ast.AST) -> tuple[str, ...]:
    match node:
        case ast.Name():
            return (node.id,)
        case ast.Attribute():
            return (node.attr,)
        case ast.Constant(value=str(text)):
            return (text,)
        case ast.keyword(arg=str(name)):
            return (name,)
    return ()


def names_secret(node: ast.AST) -> bool:
    """Whether a name in an expression or a statement speaks of a secret."""
    return any(
        SECRET_NAME.search(each.id if isinstance(each, ast.Name) else each.attr)
        for each in ast.walk(node)
        if isinstance(each, ast.Name | ast.Attribute)
    )


def _says_sql(node: ast.AST) -> bool:
    texts = [each.value for each in ast.walk(node) if isinstance(each, ast.Constant) and isinstance(each.value, str)]
    return bool(_SQL.match(" ".join(texts)))


def _varies(call: ast.Call) -> bool:
    return bool(call.args) and not constant(call.args[0])


def _given(test: Callable[[ast.expr], bool]) -> Test:
    return lambda call: bool(call.args) and test(call.args[0])


def _is(name: str, value: object) -> Test:
    return lambda call: is_value(keyword(call, name), value)


def _shell(call: ast.Call) -> bool:
    return is_value(keyword(call, "shell"), True) and _varies(call)


def _unsafe_yaml(call: ast.Call) -> bool:
    loader = keyword(call, "Loader") or (call.args[1] if len(call.args) > 1 else None)
    return loader is None or not mentions(loader, "Safe")


def _unverified(call: ast.Call) -> bool:
    options = keyword(call, "options")
    return is_value(keyword(call, "verify"), False) or (
        isinstance(options, ast.Dict)
        and any(is_value(value, False) and mentions(key or value, "verify_signature")
                for key, value in zip(options.keys, options.values, strict=True))
    )  # fmt: skip


def _world(call: ast.Call) -> bool:
    mode = call.args[1] if len(call.args) > 1 else keyword(call, "mode")
    return isinstance(mode, ast.Constant) and isinstance(mode.value, int) and bool(mode.value & 0o002)


def _always(call: ast.Call) -> bool:
    return True


_LITERALS = (ast.Constant, ast.JoinedStr, ast.List, ast.Tuple, ast.BinOp, ast.operator, ast.expr_context, ast.Dict)
_RUNS = ("run", "call", "Popen", "check_call", "check_output")
_HTTP = ("get", "post", "put", "patch", "delete", "head", "request", "Session", "Client", "AsyncClient", "stream")
_LOADS = (
    "pickle.load", "pickle.loads", "pickle.Unpickler", "cPickle.load", "cPickle.loads", "dill.load", "dill.loads",
    "cloudpickle.load", "cloudpickle.loads", "joblib.load", "marshal.load", "marshal.loads", "shelve.open",
    "jsonpickle.decode", "pandas.read_pickle", "yaml.unsafe_load", "yaml.unsafe_load_all",
)  # fmt: skip

# The full name, or, behind a dot, the name of a method of anything.
CALLS: dict[str, tuple[str, Test]] = {
    **{name: ("code_injection", _varies) for name in ("eval", "exec", "builtins.eval", "builtins.exec")},
    **{name: ("command_injection", _varies) for name in (
        "os.system", "os.popen", "subprocess.getoutput", "subprocess.getstatusoutput", "commands.getoutput",
        "asyncio.create_subprocess_shell")},
    **{f"subprocess.{name}": ("command_injection", _shell) for name in _RUNS},
    **{name: ("unsafe_deserialization", _always) for name in _LOADS},
    "torch.load": ("unsafe_deserialization", lambda call: not is_value(keyword(call, "weights_only"), True)),
    "numpy.load": ("unsafe_deserialization", _is("allow_pickle", True)),
    "yaml.load": ("unsafe_deserialization", _unsafe_yaml),
    "yaml.load_all": ("unsafe_deserialization", _unsafe_yaml),
    **{f"{package}.{name}": ("no_tls_verification", _is("verify", False))
       for package in ("requests", "httpx", "session") for name in _HTTP},
    "ssl._create_unverified_context": ("no_tls_verification", _always),
    "aiohttp.TCPConnector": ("no_tls_verification", lambda call: any(is_value(keyword(call, name), False)
                                                                       for name in ("ssl", "verify_ssl"))),
    ".set_missing_host_key_policy": ("no_tls_verification", lambda call: mentions(call, "AutoAddPolicy")),
    **{f".{name}": ("sql_injection", _given(built_sql)) for name in (
        "execute", "executemany", "executescript", "fetch", "fetchrow", "fetchval", "raw", "read_sql", "query")},
    ".extractall": ("path_traversal", lambda call: not (keyword(call, "filter") or keyword(call, "members"))),
    "open": ("path_traversal", _given(from_caller)),
    "flask.send_file": ("path_traversal", _given(from_caller)),
    "send_file": ("path_traversal", _given(from_caller)),
    "flask.render_template_string": ("template_injection", _varies),
    "render_template_string": ("template_injection", _varies),
    "jinja2.Template": ("template_injection", _given(from_caller)),
    "jinja2.Environment": ("cross_site_scripting", _is("autoescape", False)),
    "django.utils.safestring.mark_safe": ("cross_site_scripting", _varies),
    "markupsafe.Markup": ("cross_site_scripting", _varies),
    "tempfile.mktemp": ("temporary_file", _always),
    "os.chmod": ("bad_permissions", _world),
    "jwt.decode": ("unverified_token", _unverified),
    "lxml.etree.XMLParser": ("xml_entities", _is("resolve_entities", True)),
    "Crypto.Cipher.DES.new": ("broken_cipher", _always),
    "Crypto.Cipher.ARC4.new": ("broken_cipher", _always),
    "Crypto.Cipher.AES.new": ("broken_cipher", lambda call: mentions(call, "MODE_ECB")),
    ".run": ("debug_server", _is("debug", True)),
}  # fmt: skip

# What is looked at besides.
FETCHES: dict[str, tuple[str, Test]] = {
    name: ("server_side_request", _given(from_caller))
    for name in ("requests.get", "requests.post", "httpx.get", "httpx.post", "urllib.request.urlopen")
}
