"""Passwords and tokens that only their names give away: found in the languages and files that people write them in, not
in texts that only look like it, and with reasons."""

from __future__ import annotations

import random
from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from scanner import checks, scoring
from scanner.explain import explain
from scanner.matcher import Matcher
from scanner.models import Chunk, Confidence, Finding, Origin
from scanner.place import Sort, sort_of, stands_in_tests
from scanner.probe import SCORED
from scanner.randomness import looks_random

DICE = random.SystemRandom()
CONSONANTS, VOWELS = "bdfglmnprtvz", "aeiou"


def chosen() -> str:
    """A password as a person makes one: two invented words, a number and a sign; none that looks drawn by chance, as
    one in a thousand would."""
    while True:
        words = ["".join(DICE.choice(CONSONANTS) + DICE.choice(VOWELS) for _ in range(3)) for _ in range(2)]
        made = f"{words[0].capitalize()}{DICE.randint(23, 98)}{words[1]}{DICE.choice('!#*+?')}"
        if not looks_random(made.encode()):
            return made


def drawn(length: int = 32) -> str:
    """A token as a program makes one, and none in which a word happens to stand that tells of an example."""
    letters = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
    while True:
        made = "9" + "".join(DICE.choices(letters + "0123456789", k=length - 3)) + "aZ"
        if not checks.placeholder(checks.Candidate(made.encode(), made.encode(), b"", b"")):
            return made


def odd() -> str:
    """A password with signs that end a word elsewhere."""
    return f"{chosen()[:7]}:={chosen()[:6]}9;"


PLACES = [
    ("python", "app.py", 'DB_PASSWORD = "{}"'),
    ("python-call", "app.py", 'connect(host="db", user="app", password="{}")'),
    ("python-dict", "app.py", '"password": "{}",'),
    ("python-environ", "app.py", 'os.environ["SMTP_PASSWORD"] = "{}"'),
    ("python-default", "app.py", 'password = os.getenv("DB_PASSWORD", "{}")'),
    ("javascript", "app.js", "const password = '{}';"),
    ("javascript-object", "app.js", "  password: '{}',"),
    ("javascript-or", "app.js", "const dbPassword = process.env.DB_PASSWORD || '{}';"),
    ("typescript", "app.ts", "private readonly password: string = '{}';"),
    ("java", "App.java", 'private static final String PASSWORD = "{}";'),
    ("java-setter", "App.java", 'dataSource.setPassword("{}");'),
    ("java-properties", "App.java", 'props.put("mail.smtp.password", "{}");'),
    ("kotlin", "App.kt", 'val adminPassword = "{}"'),
    ("scala", "App.scala", 'val dbPassword: String = "{}"'),
    ("groovy", "build.gradle", "password = '{}'"),
    ("csharp", "App.cs", 'private const string Password = "{}";'),
    ("csharp-verbatim", "App.cs", 'var password = @"{}";'),
    ("visual-basic", "App.vb", 'Dim password As String = "{}"'),
    ("go", "main.go", 'password := "{}"'),
    ("go-struct", "main.go", '\tPassword: "{}",'),
    ("rust", "main.rs", 'const DB_PASSWORD: &str = "{}";'),
    ("c", "main.c", '#define WIFI_PASSWORD "{}"'),
    ("c-array", "main.c", 'const char *password = "{}";'),
    ("cpp", "main.cpp", 'std::string password = "{}";'),
    ("objective-c", "App.m", 'NSString *password = @"{}";'),
    ("swift", "App.swift", 'let password = "{}"'),
    ("php", "config.php", "$password = '{}';"),
    ("php-array", "config.php", "'password' => '{}',"),
    ("php-define", "config.php", "define('FTP_PASSWORD', '{}');"),
    ("ruby", "app.rb", "password: '{}',"),
    ("ruby-hash", "app.rb", ":password => '{}'"),
    ("perl", "app.pl", "my $password = '{}';"),
    ("r", "app.r", 'password <- "{}"'),
    ("lua", "app.lua", 'local password = "{}"'),
    ("dart", "app.dart", "final password = '{}';"),
    ("elixir", "config.exs", '  password: "{}",'),
    ("clojure", "app.clj", ':password "{}"'),
    ("powershell", "run.ps1", '$password = "{}"'),
    ("batch", "run.bat", "set DB_PASSWORD={}"),
    ("shell", "run.sh", "export DB_PASSWORD={}"),
    ("shell-quoted", "run.sh", "DB_PASSWORD='{}' ./run"),
    ("shell-option", "run.sh", "backup --password={} --all"),
    ("sql-set", "init.sql", "SET password = '{}';"),
    ("dotenv", ".env", "MAIL_PASSWORD={}"),
    ("dotenv-quoted", ".env.production", 'MAIL_PASSWORD="{}"'),
    ("yaml", "config.yml", "password: {}"),
    ("yaml-quoted", "config.yml", "  db_password: '{}'"),
    ("compose", "docker-compose.yml", "      - MYSQL_ROOT_PASSWORD={}"),
    ("kubernetes", "pod.yaml", "- name: DB_PASSWORD\n  value: {}"),
    ("json", "appsettings.json", '"Password": "{}"'),
    ("toml", "config.toml", 'password = "{}"'),
    ("ini", "php.ini", "smtp_password = {}"),
    ("xml", "app.xml", "<password>{}</password>"),
    ("xml-attribute", "app.xml", '<property name="password" value="{}"/>'),
    ("properties", "application.properties", "spring.datasource.password={}"),
    ("dockerfile", "Dockerfile", "ENV DB_PASSWORD={}"),
    ("dockerfile-old", "Dockerfile", "ENV DB_PASSWORD {}"),
    ("terraform", "main.tf", '  password = "{}"'),
    ("terraform-values", "prod.tfvars", 'db_password = "{}"'),
    ("terraform-variable", "main.tf", 'variable "db_password" {{\n  default = "{}"\n}}'),
    ("short-name", "app.js", "auth: {{ user: 'mailer', pass: '{}' }}"),
    ("short-name-php", "config.php", "$pass = '{}';"),
    ("short-name-pw", "config.yml", "db_pw: {}"),
    ("joined-name", "zabbix.conf", "DBPassword={}"),
    ("builder", "main.rs", '    .password("{}")'),
    ("builder-chain", "App.java", 'auth.withUser("anna").password("{}").roles("ADMIN");'),
    ("csharp-property", "App.cs", 'public string SmtpPass {{ get; set; }} = "{}";'),
    ("c-option", "main.c", 'curl_easy_setopt(curl, CURLOPT_PASSWORD, "{}");'),
    ("c-define", "main.c", '#define DB_PASS "{}"'),
    ("python-option", "app.py", 'parser.add_argument("--password", default="{}")'),
    ("go-bytes", "main.go", 'var jwtSecret = []byte("{}")'),
    ("xml-entry", "app.xml", '<entry key="password">{}</entry>'),
    ("xml-parameter", "web.xml", "<param-name>password</param-name>\n<param-value>{}</param-value>"),
    ("java-connection", "App.java", 'DriverManager.getConnection(url, "shop", "{}");'),
    ("python-basic", "app.py", 'requests.get(url, auth=("shop", "{}"))'),
    ("php-connection", "config.php", "new mysqli('db.acme.io', 'shop', '{}', 'shop');"),
    ("perl-connection", "app.pl", "DBI->connect($dsn, 'shop', '{}');"),
    ("go-basic", "main.go", 'req.SetBasicAuth("shop", "{}")'),
    ("jwt-sign", "app.js", "jwt.sign({{ id: user.id }}, '{}');"),
    ("hmac", "app.js", "crypto.createHmac('sha256', '{}')"),
    ("session", "app.js", "app.use(session({{ secret: '{}' }}))"),
    ("sshpass", "run.sh", "sshpass -p '{}' ssh root@10.0.0.5"),
    ("docker-login", "ci.yml", "run: docker login -u shop -p {} registry.acme.io"),
    ("mongodump", "run.sh", "mongodump -u shop -p {} --db shop"),
    ("chpasswd", "Dockerfile", "RUN echo 'root:{}' | chpasswd"),
    ("keytool", "run.sh", "keytool -list -keystore acme.jks -storepass {}"),
    ("redis", "redis.conf", "requirepass {}"),
    ("userpwd", "app.php", 'curl_setopt($ch, CURLOPT_USERPWD, "shop:{}");'),
    ("secret-of-jwt", ".env", "JWT_SECRET={}"),
    ("secret-of-session", "config.yml", "session_secret: {}"),
    ("encryption-key", "app.py", 'ENCRYPTION_KEY = "{}"'),
    ("aspnet-jwt", "appsettings.json", '"Jwt": {{"Issuer": "acme", "Key": "{}"}}'),
    ("terraform-described", "main.tf", 'variable "db_password" {{\n  type = string\n  description = "of the shop"\n'
     '  default = "{}"\n}}'),
    ("markdown", "README.md", "The admin password: `{}`"),
    ("log", "notes.txt", "login with password {}"),
]  # fmt: skip


def passwords(found: list[Finding]) -> list[bytes]:
    return [one.secret.reveal() for one in found]


def look(matcher: Matcher, path: str, text: str) -> list[Finding]:
    return list(matcher.find(Chunk(text.encode(), Origin(path))))


@pytest.mark.parametrize(("path", "text"), [place[1:] for place in PLACES], ids=[place[0] for place in PLACES])
def test_a_password_is_found_where_people_write_it(matcher: Matcher, path: str, text: str) -> None:
    for make in (chosen, lambda: drawn(20)):
        password = make()
        assert password.encode() in passwords(look(matcher, path, text.format(password) + "\n")), text


@pytest.mark.parametrize(
    ("path", "text"),
    [("app.py", 'password = "{}"'), ("app.js", "password: '{}',"), ("app.php", "'db_password' => '{}',"),
     ("appsettings.json", '"Password": "{}"'), ("main.go", "dbPassword := `{}`"), ("c.toml", 'passphrase = "{}"')],
)  # fmt: skip
def test_in_quotation_marks_it_may_hold_any_sign(matcher: Matcher, path: str, text: str) -> None:
    password = odd()
    assert password.encode() in passwords(look(matcher, path, text.format(password) + "\n"))


NOT_FOUND = [
    ("reference", "app.py", "password = settings.DB_PASSWORD_2"),
    ("call", "app.py", "password = getpass2('Password 1: ')"),
    ("parameter", "app.py", "def login(user, password=None): return auth2(password)"),
    ("index", "app.js", "const password = form['password2'].value;"),
    ("template", "deploy.yml", "password: '{{ vault_db_password_2 }}'"),
    ("variable", "run.sh", 'mysql --password="$DB_PASSWORD_2"'),
    ("joined", "ci.yml", "core.info('FAIL_TO_PASS: '+process.env.FAIL_TO_PASS_2);"),
    ("arn", "es.yaml", "key: arn:aws:secretsmanager:eu-west-1:123456789012:secret:{drawn}"),
    ("jenkins-credential", "Jenkinsfile", 'SONAR_TOKEN = credentials("{drawn}")'),
    ("hash-of-file", "cache.json", '"src/Auth/PasswordBroker.php":"{drawn}","src/Auth/SecretToken.php":"{drawn}"'),
    ("armour", "commit", "gpgsig -----BEGIN PGP SIGNATURE-----\n \n {drawn}dbPass=\n {drawn}\n -----END"),
    ("placeholder", ".env", "DB_PASSWORD=your_password_123"),
    ("example-file", ".env.example", "DB_PASSWORD={chosen}"),
    ("often", "app.py", 'password = "password123!"'),
    ("often-admin", "docker-compose.yml", "POSTGRES_PASSWORD: postgres1"),
    ("label", "form.html", '<label for="password">Password: at least 8 characters!</label>'),
    ("message", "app.js", 'passwordError: "Wrong password, 3 tries left!"'),
    ("field", "form.py", 'password_field = "{chosen}"'),
    ("translation", "locales/de.json", '"password": "{chosen}"'),
    ("translation-po", "de.po", 'msgid "password"\nmsgstr "{chosen}"'),
    ("hash", "users.py", 'password_hash = "{drawn}"'),
    ("path", "app.yml", "password_file: /run/secrets/db_password_2"),
    ("path-value", "app.yml", "password: /run/secrets/db2"),
    ("url", "app.yml", "reset_password_url: https://acme.io/reset?step=2"),
    ("email", "app.yml", "password: anna2@acme.io"),
    ("version", "app.yml", "passwordlib: 2.4.1-rc1"),
    ("date", "app.yml", "password_changed: 2026-01-31"),
    ("number", "app.yml", "password_min_length: 12000"),
    ("type", "schema.sql", "password varchar(255) NOT NULL"),
    ("sentence", "README.md", "The password must have 8 characters, 1 digit."),
    ("joined", "app.js", "const password = 'x1!' + user.name;"),
    ("compared", "test_app.py", 'assert password == "{chosen}"'),
    ("other-name", "app.py", 'bypass = "{chosen}"'),
    ("no-name", "app.py", 'print("{chosen}")'),
    ("csrf", "page.html", '<input name="authenticity_token" value="{drawn}">'),
    ("commented", "app.py", '# password = "Hunter22", for example'),
    ("regex", "app.js", "passwordPattern: /^(?=.*[0-9])[A-Za-z0-9]{8,}$/"),
    ("selector", "app.js", "password: '#login-form .password1',"),
    ("encode", "app.py", 'password = password.encode("latin1")'),
    ("minified", "app.min.js", 'password:"{chosen}"'),
    ("pattern", "acme.yaml", "pattern: '(?P<token>{drawn}\\.[A-Za-z0-9]{20})'"),
    ("keyword", "schema.json", '"password": "string"'),
    ("next-argument", "page.html", '<a href="{{ url_for(\'login\', passwd=\'passwd\', algorithm=\'MD5\') }}">'),
    ("next-option", "Jenkinsfile", "-PrepositoryPassword=$PASSWORD_2 -PexcludeProjects='**/samples/**'"),
    ("default-inside", "drone.yml", "- DATABASE=postgres://${POSTGRES_USER:-drone}:${POSTGRES_PASSWORD:-drone}@db:5432/d2"),
    ("realm", "six.py", 'MovedAttribute("HTTPPasswordMgrWithDefaultRealm", "urllib2", "urllib.request"),'),
    ("subject", "App.java", '.containsEntry(TokenIntrospectionClaimNames.SUB, "{drawn}")'),
    ("next-name", "operations.ts", '"v1-signing-key": "v1SigningKey",\n  "v1-reset-a-branch": "v1ResetABranch",'),
    ("curve", "types.go", 'const (\n\tEd25519 CreateSigningKeyJwk2 = "Ed25519"\n)'),
    ("pointer", "README.md", "Key: keyPair.PrivateKey.(*rsa.PrivateKey),"),
    ("globs", "agent.yaml", 'redacted: \'"*_PASSWORD", "*_SECRET", "*_TOKEN", "*_ACCESS_KEY"\''),
    ("user-instead", "composer.phar", "if ($auth['password'] === 'oauth2') {"),
]  # fmt: skip


@pytest.mark.parametrize(("path", "text"), [case[1:] for case in NOT_FOUND], ids=[case[0] for case in NOT_FOUND])
def test_what_only_looks_like_a_password_is_left_alone(matcher: Matcher, path: str, text: str) -> None:
    written = text.replace("{chosen}", chosen()).replace("{drawn}", drawn())
    assert [one.rule_id for one in look(matcher, path, written + "\n") if one.provider == "generic"] == []


@pytest.mark.parametrize(
    ("path", "text"),
    [(".env", "DB_PASSWORD={}"), ("app.yml", "db:\n  password: {}"), ("app.properties", "mail.password = {}")],
)
def test_on_a_line_of_its_own_it_may_hold_any_sign(matcher: Matcher, path: str, text: str) -> None:
    password = f"{chosen()[:7]}(]{chosen()[:6]}9x"
    assert password.encode() in passwords(look(matcher, path, text.format(password) + "\n"))


@pytest.mark.parametrize("path", ["app.py", "config.yml", "run.sh", "analysis.ipynb", "res/values/strings.xml"])
def test_a_drawn_secret_is_reported_by_default(matcher: Matcher, path: str) -> None:
    found = look(matcher, path, f'x-api-key: "{drawn()}"\n') + look(matcher, path, f'acme_token = "{drawn()}"\n')
    assert len(found) == 2
    assert all(one.confidence is not Confidence.LOW for one in found)


# --- how sure ---


def test_the_same_value_is_surer_in_some_places_than_in_others(matcher: Matcher) -> None:
    password, token = chosen(), drawn(40)
    told = []
    for path in (".env", "app.py", "tests/test_app.py"):
        text = f'SMTP_PASSWORD="{password}"\nACME_API_TOKEN = "{token}"\n'
        found = {one.secret.reveal().decode(): one.confidence for one in look(matcher, path, text)}
        told.append((found.get(password), found.get(token)))
    assert told[0] == (Confidence.HIGH, Confidence.HIGH)
    assert told[1][0] in (Confidence.MEDIUM, Confidence.HIGH)
    assert told[1][1] is Confidence.HIGH
    assert told[2][1] is Confidence.LOW or told[2][1] is Confidence.MEDIUM


def test_many_words_are_less_sure_than_a_password(matcher: Matcher) -> None:
    text = f'set_var("TOKEN_ENCRYPTION_KEY", "not_64_hex_chars_at_all");\nset_var("DB_PASSWORD", "{chosen()}");\n'
    assert [one.confidence for one in look(matcher, "lib.rs", text)] == [Confidence.LOW, Confidence.MEDIUM]


def test_one_of_a_list_is_less_sure_than_what_a_call_is_given(matcher: Matcher) -> None:
    listed = '__all__ = [\n    "AcmeCredentials",\n    "AcmeSecret",\n    "BackupB2Credentials",\n]\n'
    given = f'os.environ.setdefault(\n    "ACME_SECRET",\n    "{chosen()}",\n)\n'
    assert {one.confidence for one in look(matcher, "acme.py", listed)} <= {Confidence.LOW}
    assert [one.confidence for one in look(matcher, "acme.py", given)] == [Confidence.MEDIUM]


def test_the_beginning_of_a_key_is_less_sure_than_a_password(matcher: Matcher) -> None:
    text = f'STRIPE_WEBHOOK_SECRET: "whsec_123"\nACME_SECRET: "{chosen()}"\n'
    sure = {one.variable: one.confidence for one in look(matcher, "docker-compose.yml", text)}
    assert sure.get("STRIPE_WEBHOOK_SECRET", Confidence.LOW) is Confidence.LOW
    assert sure["ACME_SECRET"] is not Confidence.LOW


def test_a_private_key_among_tests_is_less_sure(matcher: Matcher, new_key: Callable[..., object]) -> None:
    key = getattr(new_key("privatekey-pkcs8"), "key").decode()  # noqa: B009 - the fixture's type is its caller's business
    text = f"{key}-----END PRIVATE KEY-----\n"
    sure = [look(matcher, path, text)[0].confidence for path in ("deploy/server.key", "tests/data/server.key")]
    assert sure == [Confidence.HIGH, Confidence.MEDIUM]


def test_explain_tells_every_feature_and_no_value(matcher: Matcher) -> None:
    password = chosen()
    for path, verdict in (("app.py", "yes: a finding"), ("locales/en.json", "no: a check fails")):
        told = explain(matcher, Chunk(f'password = "{password}"\n'.encode(), Origin(path)), 1)
        steps = [step for trial in told.trials if trial.rule_id == "generic-password" for step in trial.steps]
        assert any(step == "+2 points: its name calls it a secret" for step in steps)
        assert any("points together: " in step for step in steps)
        assert verdict in [trial.verdict for trial in told.trials if trial.rule_id == "generic-password"]
        assert password not in str(told)


def test_a_bad_score_is_refused() -> None:
    assert set(scoring.KINDS) == set(checks.SCORES)
    for value in ("passwords", True, ["secret"]):
        with pytest.raises(ValueError, match="judges one of: argument, header, key, password, secret"):
            checks.build("score", value)


# --- files ---


@pytest.mark.parametrize(
    ("path", "sort"),
    [(".env", Sort.ENVIRONMENT), ("deploy/.env.production", Sort.ENVIRONMENT), ("prod.env", Sort.ENVIRONMENT),
     ("terraform.tfvars", Sort.ENVIRONMENT), (".env.example", Sort.EXAMPLE), ("config.sample.php", Sort.EXAMPLE),
     ("a/config.yml", Sort.CONFIGURATION), ("Dockerfile", Sort.CONFIGURATION), ("x.tf", Sort.CONFIGURATION),
     ("main.go", Sort.CODE), ("App.test.tsx", Sort.CODE), ("run.sh", Sort.SCRIPT), ("README.md", Sort.DOCUMENT),
     ("README", Sort.DOCUMENT), ("page.md.erb", Sort.DOCUMENT), ("page.html.erb", Sort.CODE),
     ("x.po", Sort.TRANSLATION), ("config/locales/de.yml", Sort.TRANSLATION),
     ("package-lock.json", Sort.GENERATED), ("a.min.js", Sort.GENERATED), ("notes", Sort.OTHER), ("", Sort.OTHER)],
)  # fmt: skip
def test_sorts_of_files(path: str, sort: Sort) -> None:
    assert sort_of(path) is sort


@pytest.mark.parametrize(
    "path",
    ["tests/a.py", "src/test/java/A.java", "spec/a.rb", "a/fixtures/x.yml", "test_a.py", "pkg/a_test.go",
     "src/a.spec.ts", "src/ATests.cs", "docs/a.md", "my-tests/a", "itTest/a"],
)  # fmt: skip
def test_paths_of_tests(path: str) -> None:
    assert stands_in_tests(path)


@pytest.mark.parametrize("path", ["src/a.py", "latest/a.json", "contest/a.py", "attestation.go", "inspector/a.rb"])
def test_paths_of_no_tests(path: str) -> None:
    assert not stands_in_tests(path)


@settings(max_examples=200, deadline=None)
@given(st.binary(max_size=200), st.binary(max_size=60), st.text(max_size=60), st.binary(max_size=400))
def test_any_scene_can_be_judged(value: bytes, name: bytes, path: str, around: bytes) -> None:
    for kind in scoring.KINDS:
        score = scoring.judge(kind, scoring.Scene(value, name, path, around, around[:80]))
        assert bool(score.objection) is (score.confidence is None)


def test_what_decides_stays_within_reach() -> None:
    assert scoring.AFTER == SCORED


def test_what_another_quotation_mark_ends_is_no_password(matcher: Matcher) -> None:
    value = chosen()
    for text, found in ((f"SECRET_KEY = b'{value}\"more\\n\\xec]/'", 0), (f"SECRET_KEY = b'{value}'", 1)):
        assert len(look(matcher, "settings.py", text)) == found
