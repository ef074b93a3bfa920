"""Fresh keys of common providers as programs, settings and logs of many languages hold them: each is found, by the
right rule, as live or test, and with the name that a person would look for."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest

from scanner.fakes import Fake
from scanner.matcher import Matcher
from scanner.models import Chunk, Origin

NewKey = Callable[..., Fake]

# (what, file, text with {rule} or {rule:environment} for a key, variables in order)
PLACES: list[tuple[str, str, str, tuple[str, ...]]] = [
    ("python-constant", "settings.py", 'OPENAI_API_KEY = "{openai-project-key}"', ("OPENAI_API_KEY",)),
    ("python-typed", "settings.py", 'github_token: str = "{github-personal-access-token}"', ("github_token",)),
    ("python-bytes", "app.py", 'key = b"{stripe-secret-key:live}"', ("key",)),
    ("python-call", "app.py", 'client = Anthropic(\n    api_key="{anthropic-api-key}",\n)', ("api_key",)),
    ("python-getenv", "app.py", 'os.getenv("SENDGRID_API_KEY", "{sendgrid-api-key}")', ("SENDGRID_API_KEY",)),
    ("python-setdefault", "app.py", "os.environ['DD_API_KEY'] = '{datadog-api-key}'", ("DD_API_KEY",)),
    ("python-boto", "app.py", 's3 = boto3.client("s3",\n    aws_access_key_id="{aws-access-key-id}",\n'
     '    aws_secret_access_key="{aws-secret-access-key}",\n)', ("aws_access_key_id", "aws_secret_access_key")),
    ("python-twilio", "app.py", 'twilio_auth_token = "{twilio-auth-token}"', ("twilio_auth_token",)),
    ("js-const", "app.js", "const stripe = require('stripe')('{stripe-secret-key:test}');", ("",)),
    ("js-object", "app.js", "export default {\n  slackToken: '{slack-bot-token}',\n};", ("slackToken",)),
    ("ts-field", "app.ts", "private readonly apiKey: string = '{openai-project-key}';", ("apiKey",)),
    ("js-or", "app.js", "const key = process.env.SENDGRID_KEY || '{sendgrid-api-key}'", ("process.env.SENDGRID_KEY",)),
    ("js-template", "app.js", "headers: { Authorization: `token {github-personal-access-token}` }", ("token",)),
    ("go-const", "main.go", 'const slackToken = "{slack-bot-token}"', ("slackToken",)),
    ("go-short", "main.go", 'apiKey := "{anthropic-api-key}"', ("apiKey",)),
    ("go-struct", "main.go",
     '\tcfg := Config{\n\t\tGitHubToken: "{github-personal-access-token}",\n\t}', ("GitHubToken",)),
    ("go-credentials", "main.go",
     'credentials.NewStaticCredentials("{aws-access-key-id}", "{aws-access-key-pair}", "")',
     ("credentials.NewStaticCredentials", "")),
    ("go-raw", "main.go", "dsn := `{database-postgresql-url}@db.widgets.net:5432/app`", ("dsn",)),
    ("rust-const", "main.rs", 'const API_KEY: &str = "{openai-project-key}";', ("API_KEY",)),
    ("rust-static", "main.rs", 'static TOKEN: &\'static str = "{slack-bot-token}";', ("TOKEN",)),
    ("rust-let", "main.rs", 'let token = String::from("{github-personal-access-token}");', ("token",)),
    ("java-field", "App.java", 'private static final String STRIPE_KEY = "{stripe-secret-key:live}";', ("STRIPE_KEY",)),
    ("java-setter", "App.java", 'Stripe.apiKey = "{stripe-secret-key:test}";', ("Stripe.apiKey",)),
    ("java-aws", "App.java", 'new BasicAWSCredentials("{aws-access-key-id}",\n    "{aws-access-key-pair}");',
     ("BasicAWSCredentials", "")),
    ("csharp-const", "App.cs", 'public const string SendGridKey = "{sendgrid-api-key}";', ("SendGridKey",)),
    ("csharp-verbatim", "App.cs", 'var token = @"{slack-bot-token}";', ("token",)),
    ("csharp-settings", "appsettings.json", '{"OpenAI": {"ApiKey": "{openai-project-key}"}}', ("ApiKey",)),
    ("php-define", "config.php", "define('STRIPE_KEY', '{stripe-secret-key:live}');", ("STRIPE_KEY",)),
    ("php-array", "config.php", "'secret' => '{sendgrid-api-key}',", ("secret",)),
    ("php-env", "config.php", "'key' => env('OPENAI_API_KEY', '{openai-project-key}'),", ("OPENAI_API_KEY",)),
    ("php-variable", "x.php", '$token = "{github-personal-access-token}";', ("token",)),
    ("ruby-hash", "app.rb", "Slack.configure { |c| c.token = '{slack-bot-token}' }", ("c.token",)),
    ("ruby-env", "app.rb", "ENV['DATADOG_API_KEY'] ||= '{datadog-api-key}'", ("DATADOG_API_KEY",)),
    ("ruby-symbol", "app.rb", ":secret_access_key => '{aws-secret-access-key}', # aws", ("secret_access_key",)),
    ("yaml", "config.yml", "stripe:\n  secret_key: {stripe-secret-key:live}\n", ("secret_key",)),
    ("yaml-block", "config.yml", "token: >-\n  {github-personal-access-token}\n", ("token",)),
    ("kubernetes-env", "pod.yaml", "env:\n- name: DD_API_KEY\n  value: {datadog-api-key}\n", ("DD_API_KEY",)),
    ("kubernetes-string-data", "secret.yaml", 'kind: Secret\nstringData:\n  token: "{slack-bot-token}"\n', ("token",)),
    ("compose-list", "compose.yml",
     "environment:\n  - DATABASE_URL={database-postgresql-url}@db.widgets.net:5432/app\n", ("DATABASE_URL",)),
    ("compose-map", "compose.yml", "environment:\n  AWS_SECRET_ACCESS_KEY: {aws-secret-access-key}\n",
     ("AWS_SECRET_ACCESS_KEY",)),
    ("terraform-provider", "main.tf", 'provider "aws" {\n  access_key = "{aws-access-key-id}"\n'
     '  secret_key = "{aws-secret-access-key}"\n}', ("access_key", "secret_key")),
    ("terraform-variable", "vars.tf", 'variable "cloudflare_api_token" {\n  type    = string\n'
     '  default = "{cloudflare-api-token}"\n}', ("cloudflare_api_token",)),
    ("terraform-values", "prod.tfvars", 'datadog_app_key = "{datadog-app-key}"', ("datadog_app_key",)),
    ("dockerfile-env", "Dockerfile", "ENV NPM_TOKEN={npm-access-token}", ("NPM_TOKEN",)),
    ("dockerfile-env-old", "Dockerfile", "ENV OPENAI_API_KEY {openai-project-key}", ("OPENAI_API_KEY",)),
    ("dockerfile-run", "Dockerfile", "RUN curl -u x:{github-personal-access-token} https://api.github.com/user", ("",)),
    ("shell-export", "run.sh", "export AWS_ACCESS_KEY_ID={aws-access-key-id}\n"
     "export AWS_SECRET_ACCESS_KEY={aws-secret-access-key}", ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY")),
    ("shell-default", "run.sh", 'TOKEN="${SLACK_TOKEN:-{slack-bot-token}}"', ("SLACK_TOKEN",)),
    ("shell-clone", "run.sh", "git clone https://{github-personal-access-token}@github.com/acme/app.git", ("",)),
    ("shell-psql", "run.sh", "psql {database-postgresql-url}@db.widgets.net:5432/app -c 'select 1'", ("",)),
    ("shell-header", "run.sh", 'curl -H "Authorization: Bearer {cloudflare-api-token}" '
     "https://api.cloudflare.com/client/v4/zones", ("Authorization",)),
    ("aws-credentials", ".aws/credentials", "[default]\naws_access_key_id = {aws-access-key-id}\n"
     "aws_secret_access_key = {aws-secret-access-key}\n", ("aws_access_key_id", "aws_secret_access_key")),
    ("aws-downloaded-table", "accessKeys.csv",
     "Access key ID,Secret access key\n{aws-access-key-id},{aws-access-key-pair}\n",
     ("access", "")),
    ("s3fs", ".passwd-s3fs", "{aws-access-key-id}:{aws-access-key-pair}\n", ("", "")),
    ("json", "config.json", '{\n  "github": {\n    "token": "{github-fine-grained-token}"\n  }\n}', ("token",)),
    ("json-in-json", "log.json", '{"body": "{\\"api_key\\": \\"{anthropic-api-key}\\"}"}', ("api_key",)),
    ("xml-element", "settings.xml", "<password>{github-personal-access-token}</password>", ("password",)),
    ("xml-attribute", "web.config", '<add key="SendGridKey" value="{sendgrid-api-key}" />', ("SendGridKey",)),
    ("xml-android", "strings.xml", '<string name="google_maps_key">{google-api-key}</string>', ("google_maps_key",)),
    ("plist", "Info.plist", "<key>StripeKey</key>\n<string>{stripe-secret-key:live}</string>", ("StripeKey",)),
    ("properties", "app.properties", "sendgrid.api.key={sendgrid-api-key}", ("sendgrid.api.key",)),
    ("properties-url", "app.properties",
     "spring.datasource.url: {database-postgresql-url}@db.widgets.net:5432/app", ("spring.datasource.url",)),
    ("powershell", "run.ps1", '$env:GITHUB_TOKEN = "{github-personal-access-token}"', ("GITHUB_TOKEN",)),
    ("powershell-context", "run.ps1", "$env:DD_API_KEY = '{datadog-api-key}'", ("DD_API_KEY",)),
    ("powershell-hash", "run.ps1",
     '$headers = @{ "Authorization" = "Bearer {openai-project-key}" }', ("Authorization",)),
    ("batch", "run.bat", "set OPENAI_API_KEY={openai-project-key}", ("OPENAI_API_KEY",)),
    ("sql-insert", "seed.sql", "INSERT INTO settings (name, value) VALUES ('stripe_key', '{stripe-secret-key:live}');",
     ("stripe_key",)),
    ("sql-update", "seed.sql", "UPDATE settings SET token = '{slack-bot-token}' WHERE id = 1;", ("token",)),
    ("markdown", "README.md", "```sh\n$ export ANTHROPIC_API_KEY={anthropic-api-key}\n```", ("ANTHROPIC_API_KEY",)),
    ("markdown-code", "README.md", "Set `GITHUB_TOKEN={github-personal-access-token}` first.", ("GITHUB_TOKEN",)),
    ("markdown-table", "README.md", "| OPENAI_API_KEY | {openai-project-key} |", ("",)),
    ("notebook-source", "a.ipynb", '{"cells": [{"cell_type": "code", "source": [\n'
     '    "import openai\\n",\n    "openai.api_key = \\"{openai-project-key}\\"\\n"\n]}]}', ("openai.api_key",)),
    ("notebook-output", "a.ipynb", '   "text": [\n    "AWS_SECRET_ACCESS_KEY: {aws-secret-access-key}\\n"\n   ]',
     ("AWS_SECRET_ACCESS_KEY",)),
    ("http-request", "dump.http", "POST /v1/messages HTTP/1.1\r\nHost: api.anthropic.com\r\n"
     "x-api-key: {anthropic-api-key}\r\n\r\n", ("x-api-key",)),
    ("http-datadog", "dump.http", "GET /api/v1/validate HTTP/1.1\r\nHost: api.datadoghq.com\r\n"
     "DD-API-KEY: {datadog-api-key}\r\n\r\n", ("DD-API-KEY",)),
    ("npmrc", ".npmrc", "//registry.npmjs.org/:_authToken={npm-access-token}\n", ("_authToken",)),
    ("npmrc-legacy", ".npmrc", "//registry.npmjs.org/:_authToken={npm-legacy-token}\n", ("_authToken",)),
    ("pypirc", ".pypirc", "[pypi]\nusername = __token__\npassword = {pypi-api-token}\n", ("password",)),
    ("netrc", ".netrc", "machine api.github.com login me password {github-personal-access-token}", ("password",)),
    ("private-key", "id_rsa", "{privatekey-openssh}\n-----END OPENSSH PRIVATE KEY-----\n", ("",)),
    ("private-key-env", ".env", 'DEPLOY_KEY="{privatekey-rsa}\n-----END RSA PRIVATE KEY-----"', ("DEPLOY_KEY",)),
    ("slack-webhook", "app.py", 'WEBHOOK = "{slack-incoming-webhook}"', ("WEBHOOK",)),
    ("diff", "x.patch", "+SENDGRID_API_KEY={sendgrid-api-key}", ("SENDGRID_API_KEY",)),
    ("log-json", "app.log", '{"level":"debug","msg":"using key {openai-project-key} for tenant"}', ("key",)),
    ("log-url", "app.log", "GET /hook?token={slack-bot-token}&x=1 200", ("token",)),
    ("toml", "config.toml", 'api_token = "{cloudflare-api-token}" # cloudflare', ("api_token",)),
    ("wrangler-vars", ".dev.vars", "CLOUDFLARE_API_TOKEN={cloudflare-api-token}", ("CLOUDFLARE_API_TOKEN",)),
    ("kotlin", "App.kt", 'val apiKey: String = "{openai-project-key}"', ("apiKey",)),
    ("swift", "App.swift", 'let apiKey = "{google-api-key}"', ("apiKey",)),
    ("scala", "App.scala", 'val token: String = "{slack-bot-token}"', ("token",)),
    ("elixir", "config.exs", 'config :app, api_key: "{sendgrid-api-key}"', ("api_key",)),
    ("r", "x.R", 'Sys.setenv(OPENAI_API_KEY = "{openai-project-key}")', ("OPENAI_API_KEY",)),
    ("lua", "x.lua", 'local token = "{slack-bot-token}"', ("token",)),
    ("dart", "x.dart", "final String apiKey = '{google-api-key}';", ("apiKey",)),
    ("c-define", "x.h", '#define API_KEY "{google-api-key}"', ("API_KEY",)),
    ("ansible", "vars.yml", "datadog_api_key: '{datadog-api-key}'", ("datadog_api_key",)),
    ("systemd", "x.service", 'Environment="OPENAI_API_KEY={openai-project-key}"', ("OPENAI_API_KEY",)),
    ("docker-run", "run.sh", "docker run -e DD_API_KEY={datadog-api-key} datadog/agent", ("DD_API_KEY",)),
    ("helm-set", "run.sh",
     "helm install dd datadog/datadog --set datadog.apiKey={datadog-api-key}", ("datadog.apiKey",)),
    ("gh-secret", "run.sh", "gh secret set NPM_TOKEN --body {npm-access-token}", ("body",)),
]  # fmt: skip

_KEY = re.compile(r"\{([a-z][a-z0-9]*-[a-z0-9-]+)(?::(live|test))?\}")


@pytest.mark.parametrize(
    ("path", "text", "variables"), [row[1:] for row in PLACES], ids=[row[0] for row in PLACES]
)
def test_a_key_is_found_where_people_leave_it(
    matcher: Matcher, new_key: NewKey, path: str, text: str, variables: tuple[str, ...]
) -> None:
    made: list[tuple[str, str, bytes]] = []

    def fill(found: re.Match[str]) -> str:
        rule, environment = found.group(1), found.group(2) or ""
        key = new_key(rule, environment)
        made.append((rule, environment, key.secret))
        return key.key.decode("latin-1")

    data = _KEY.sub(fill, text).encode("latin-1")
    findings = list(matcher.find(Chunk(data, Origin(path))))
    assert [one.rule_id for one in findings] == [rule for rule, _, _ in made]
    assert [one.secret.reveal().rstrip() for one in findings] == [secret.rstrip() for _, _, secret in made]
    assert all(one.environment == wanted for one, (_, wanted, _) in zip(findings, made, strict=True) if wanted)
    assert [one.variable for one in findings] == list(variables)


@pytest.mark.parametrize("name", ["NextToken", "next_token", "--starting-token", "nextPageToken", "change-token"])
def test_where_a_listing_goes_on_is_no_secret(matcher: Matcher, new_key: NewKey, name: str) -> None:
    value = new_key("generic-secret").key.decode()
    assert list(matcher.find(Chunk(f'{name}: "{value}"'.encode(), Origin("reply.json")))) == []
    assert [one.rule_id for one in matcher.find(Chunk(f'ApiToken: "{value}"'.encode(), Origin("reply.json")))]
