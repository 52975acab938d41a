"""Weak code in other languages, line by line: what can be told without a parser."""

# ruff: noqa: E501 - a rule is a line

from __future__ import annotations

from dataclasses import dataclass

# In large or in small letters, as sentences that begin with `Select` are not.
_SQL = (
    r"(?:SELECT\s.{1,200}\sFROM|select\s.{1,200}\sfrom|(?i:INSERT\s+INTO|DELETE\s+FROM)"
    r"|UPDATE\s.{1,100}\sSET|update\s.{1,100}\sset)"
)
_NAME = r"(?i:pass(?:word|wd)?|pwd|secret|api_?key|auth_?token)"

JS = frozenset({"javascript", "js", "jsx", "typescript", "ts", "tsx", "node", "mjs", "vue", "html"})
SHELL = frozenset({"sh", "bash", "shell", "zsh", "console", "shell-session", "dockerfile", "docker", "yaml", "yml"})
PHP = frozenset({"php"})
JVM = frozenset({"java", "kotlin", "scala", "groovy"})
NATIVE = frozenset({"c", "cpp", "c++", "h", "hpp"})
DOTNET = frozenset({"cs", "csharp", "c#", "vb"})
GO, RUBY = frozenset({"go", "golang"}), frozenset({"ruby", "rb"})
SQL = frozenset({"sql", "tsql", "plsql", "mysql"})
ANY = JS | PHP | JVM | DOTNET | GO | RUBY


@dataclass(frozen=True, slots=True)
class LineRule:
    """languages: of the fence. pattern: RE2, within one line; its first group, if any, is what is found."""

    name: str
    languages: frozenset[str]
    pattern: str


LINE_RULES: tuple[LineRule, ...] = (
    LineRule("code_injection", JS, r"""(?:^|[^\w.])(eval\(\s*[^"'`)\s][^)\n]{0,200}\)?)"""),
    LineRule("code_injection", JS, r"""\bnew Function\([^)\n]{0,100}[A-Za-z_$][\w.$]{0,60}\s{0,3}\)"""),
    LineRule("code_injection", JS, r"""\bset(?:Timeout|Interval)\(\s*["'`][^"'`\n]{0,100}["'`]\s*\+"""),
    LineRule("command_injection", JS, r"""\bexec(?:Sync)?\(\s*(?:`[^`\n]{0,200}\$\{|["'][^"'\n]{0,200}["']\s*\+)"""),
    LineRule("cross_site_scripting", JS, r"""\.(?:inner|outer)HTML\s*\+?=\s*(?:[A-Za-z_$]|`[^`\n]{0,200}\$\{|["'][^\n]{0,200}["']\s*\+)"""),
    LineRule("cross_site_scripting", JS, r"""\bdocument\.write(?:ln)?\([^)\n]{0,100}(?:location|\+)"""),
    LineRule("cross_site_scripting", JS, r"""dangerouslySetInnerHTML=\{\{"""),
    LineRule("cross_site_scripting", JS, r"""\bres\.send\([^)\n]{0,100}(?:\+|\$\{)\s*req\."""),
    LineRule("no_tls_verification", JS, r"""rejectUnauthorized["']?\s*:\s*false|NODE_TLS_REJECT_UNAUTHORIZED["']?\]?\s*=\s*["']?0"""),
    LineRule("weak_password_hash", JS, rf"""createHash\(["'](?:md5|sha1)["']\)[^\n]{{0,60}}{_NAME}"""),
    LineRule("path_traversal", JS, r"""\b(?:readFile|readFileSync|createReadStream|sendFile)\([^)\n]{0,100}\breq\.(?:query|params|body)"""),
    LineRule("unsafe_deserialization", JS, r"""\b(?:serialize\.)?unserialize\([^)\n]{0,80}\)"""),
    LineRule("predictable_secret", JS, rf"""{_NAME}\s*=\s*[^\n]{{0,40}}Math\.random\(\)|(?i:token|session_?id)\s*=\s*[^\n]{{0,40}}Math\.random\(\)"""),
    LineRule("unverified_token", JS, r"""jwt\.(?:verify|sign)\([^)\n]{0,120}algorithms?["']?\s*:\s*\[?\s*["']none"""),
    LineRule("server_side_request", JS, r"""\b(?:fetch|axios(?:\.get|\.post)?)\(\s*req\.(?:query|params|body)"""),
    LineRule("sql_injection", ANY, rf"""["`][^"`\n]{{0,40}}{_SQL}[^"`\n]{{0,200}}(?:["']\s*[+.]\s*[$A-Za-z_(]|\$\{{)"""),
    LineRule("sql_injection", ANY, rf"""'[^'\n]{{0,40}}{_SQL}[^'\n]{{0,200}}'\s*[+.]\s*[$A-Za-z_(]"""),
    LineRule("sql_injection", PHP, rf"""["][^"\n]{{0,40}}{_SQL}[^"\n]{{0,200}}\$[A-Za-z_]"""),
    LineRule("sql_injection", RUBY, rf"""["][^"\n]{{0,40}}(?:{_SQL}|=\s*')[^"\n]{{0,200}}#\{{"""),
    LineRule("sql_injection", GO, rf"""Sprintf\(\s*["`][^"`\n]{{0,40}}{_SQL}[^"`\n]{{0,200}}%[sv]"""),
    LineRule("sql_injection", DOTNET, rf"""\$"[^"\n]{{0,40}}{_SQL}[^"\n]{{0,200}}\{{"""),
    LineRule("sql_injection", SQL, r"""(?i)\bEXEC(?:UTE)?\s*(?:IMMEDIATE\s+|\(\s*)?(?:N?'(?:[^'\n]|''){0,200}'\s*(?:\+|\|\|)|@\w{1,40}\s*\+)"""),
    LineRule("hard_coded_credential", ANY, rf"""\b\w{{0,30}}{_NAME}["']?\s*(?:=|:|:=|=>)\s*["'][^"'\s<>${{}}]{{8,80}}["']"""),
    LineRule("download_and_run", SHELL, r"""\b(?:curl|wget)\s[^\n|;]{0,200}\|\s*(?:sudo\s+)?(?:ba|z|da)?sh\b"""),
    LineRule("no_tls_verification", SHELL, r"""\bcurl\b[^\n|;]{0,200}\s(?:-[a-zA-Z]{0,5}k\b|--insecure)|\bwget\s[^\n]{0,200}--no-check-certificate"""),
    LineRule("no_tls_verification", SHELL, r"""StrictHostKeyChecking[= ]no\b|http\.sslVerify\s+false|GIT_SSL_NO_VERIFY=(?:1|true)|strict-ssl\s+false"""),
    LineRule("bad_permissions", SHELL, r"""\bchmod\s+(?:-R\s+)?(?:0?777|a\+rwx)\b"""),
    LineRule("code_injection", SHELL, r"""(?:^|[\s;])(eval\s+["']?\$[\w{@*][^\n]{0,80})"""),
    LineRule("command_injection", PHP, r"""\b(?:system|exec|shell_exec|passthru|popen)\([^)\n]{0,100}\$_(?:GET|POST|REQUEST|COOKIE)"""),
    LineRule("code_injection", PHP, r"""\beval\([^)\n]{0,100}\$"""),
    LineRule("unsafe_deserialization", PHP, r"""\bunserialize\([^)\n]{0,60}\$_(?:GET|POST|REQUEST|COOKIE)"""),
    LineRule("path_traversal", PHP, r"""\b(?:include|require|file_get_contents|readfile|fopen)(?:_once)?[\s(][^;\n]{0,80}\$_(?:GET|POST|REQUEST)"""),
    LineRule("cross_site_scripting", PHP, r"""\b(?:echo|print)\s[^;(\n]{0,60}\$_(?:GET|POST|REQUEST)\["""),
    LineRule("weak_password_hash", PHP, rf"""\b(?:md5|sha1)\([^)\n]{{0,40}}{_NAME}"""),
    LineRule("command_injection", JVM, r"""getRuntime\(\)\.exec\([^)\n]{0,120}["']?\s*\+"""),
    LineRule("unsafe_deserialization", JVM, r"""new ObjectInputStream\([^)\n]{0,100}\)"""),
    LineRule("weak_password_hash", JVM, rf"""MessageDigest\.getInstance\("(?:MD5|SHA-?1)"\)[^\n]{{0,80}}{_NAME}"""),
    LineRule("broken_cipher", JVM, r"""Cipher\.getInstance\("(?:DES|RC4|AES/ECB|AES")"""),
    LineRule("buffer_overflow", NATIVE, r"""(?:^|[^\w])(gets\([^)\n]{0,60}\)|(?:strcpy|strcat|sprintf|vsprintf)\([^;\n]{0,120}\))"""),
    LineRule("command_injection", NATIVE, r"""(?:^|[^\w])((?:system|popen)\(\s*[A-Za-z_][\w.\->]{0,60})"""),
    LineRule("unsafe_deserialization", DOTNET, r"""new (?:BinaryFormatter|NetDataContractSerializer|SoapFormatter|LosFormatter)\(\)"""),
    LineRule("no_tls_verification", DOTNET, r"""ServerCertificate(?:Custom)?ValidationCallback\s*\+?=[^;\n]{0,100}(?:=>\s*true|return true)"""),
    LineRule("no_tls_verification", GO, r"""InsecureSkipVerify:\s*true"""),
    LineRule("command_injection", GO, r"""exec\.Command\(\s*"(?:/bin/)?(?:ba)?sh",\s*"-c",\s*[^")\n]"""),
    LineRule("unsafe_deserialization", RUBY, r"""\b(?:Marshal\.load|YAML\.(?:unsafe_)?load)\([^)\n]{0,80}\)?"""),
    LineRule("code_injection", RUBY, r"""\b(?:eval|instance_eval|send)\(?\s*params\["""),
    LineRule("no_tls_verification", RUBY, r"""VERIFY_NONE"""),
)  # fmt: skip
