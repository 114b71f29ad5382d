"""The Inspector's command line: what a person types to look at a server. `--strict` fails on any tool schema that some
client could not use."""

import json
import subprocess

import product

METHODS = {"readonly": ["tools/list", "resources/list", "resources/templates/list", "prompts/list"],
           "pilot": ["tools/list"]}
MEMBERS = {"tools/list": "tools", "resources/list": "resources", "resources/templates/list": "resourceTemplates",
           "prompts/list": "prompts"}


def drive(binary, node, home, transports, tally, conform):
    for server, methods in METHODS.items():
        for over in transports:
            for era in ("legacy", "modern"):
                with product.product(binary) as made:
                    label = f"inspector: {server} over {over}, {era}"
                    if over == "stdio":
                        command, recorded = made.stdio(server)
                        environment = [word for key, value in made.env.items() for word in ("-e", f"{key}={value}")]
                        target = ["--transport", "stdio", *environment, "--cwd", str(made.root), "--", *command]
                        look(node, home, methods, era, target, tally, label)
                        exchanges = recorded()
                    else:
                        with made.http() as (relay, token):
                            target = ["--transport", "http", "--server-url", relay.url(product.PATHS[server]),
                                      "--header", f"Authorization: Bearer {token}"]
                            look(node, home, methods, era, target, tally, label)
                            exchanges = relay.recorded()
                    conform(tally, label, exchanges)


def look(node, home, methods, era, target, tally, label):
    for method in methods:
        strict = ["--strict"] if method == "tools/list" else []
        command = [node, f"{home}/node_modules/@modelcontextprotocol/inspector/clients/launcher/build/index.js", "--cli",
                   "--method", method, *strict, "--format", "json", "--protocol-era", era, *target]
        done = subprocess.run(command, capture_output=True, text=True, timeout=60)
        tally.check(f"{label}: {method} {' '.join(strict)} succeeds", done.returncode == 0,
                    (done.returncode, done.stdout[-500:], done.stderr[-2000:]))
        try:
            listed = json.loads(done.stdout)
        except ValueError:
            listed = {}
        found = listed.get("result", listed).get(MEMBERS[method], [])
        tally.check(f"{label}: {method} lists something", len(found) > 0, done.stdout[:300])
