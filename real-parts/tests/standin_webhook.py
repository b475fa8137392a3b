"""Stands in for `gangplank token-review` until it exists: the least that proves the harness. JSON configuration only."""

import argparse
import http.server
import json
import ssl
import sys
import urllib.request

import jwt

p = argparse.ArgumentParser()
p.add_argument("command")
for name in ("authentication-config", "listen", "tls-cert", "tls-key", "client-ca"):
    p.add_argument(f"--{name}")
arguments = p.parse_args()
configuration = json.load(open(arguments.authentication_config))


def mapped(claims, mapping):
    if "claim" in mapping:
        value, prefix = claims.get(mapping["claim"], []), mapping.get("prefix", "")
        return [prefix + v for v in value] if isinstance(value, list) else prefix + value
    return claims[mapping["valueExpression"].removeprefix("claims.")]


def review(token, audiences):
    unverified = jwt.decode(token, options={"verify_signature": False})
    entry, = [e for e in configuration["jwt"] if e["issuer"]["url"] == unverified["iss"]]
    context = ssl.create_default_context(cadata=entry["issuer"]["certificateAuthority"])
    get = lambda url: json.load(urllib.request.urlopen(url, context=context))
    keys = jwt.PyJWKSet.from_dict(get(get(entry["issuer"]["url"] + "/.well-known/openid-configuration")["jwks_uri"]))
    key = keys[jwt.get_unverified_header(token)["kid"]]
    claims = jwt.decode(token, key, algorithms=["RS256", "ES256"], audience=entry["issuer"]["audiences"])
    token_audiences = claims["aud"] if isinstance(claims["aud"], list) else [claims["aud"]]
    shared = [a for a in audiences if a in token_audiences]
    if audiences and not shared:
        raise ValueError("audience")
    m = entry["claimMappings"]
    user = {"username": mapped(claims, m["username"]), "groups": mapped(claims, m.get("groups", {"claim": "groups"})),
            "extra": {e["key"]: [mapped(claims, e)] for e in m.get("extra", [])}}
    if "uid" in m:
        user["uid"] = mapped(claims, m["uid"])
    if any(name.startswith("system:") for name in [user["username"], *user["groups"]]):
        raise ValueError("reserved")
    return {"authenticated": True, "user": user, "audiences": shared}


class Handler(http.server.BaseHTTPRequestHandler):
    def do_POST(self):
        request = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        try:
            status = review(request["spec"]["token"], request["spec"].get("audiences", []))
        except Exception as e:
            print("refused", repr(e), flush=True)
            status = {"authenticated": False}
        body = json.dumps({"apiVersion": request["apiVersion"], "kind": "TokenReview", "status": status}).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


host, port = arguments.listen.split(":")
server = http.server.ThreadingHTTPServer((host, int(port)), Handler)
context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
context.load_cert_chain(arguments.tls_cert, arguments.tls_key)
if arguments.client_ca:
    context.load_verify_locations(arguments.client_ca)
    context.verify_mode = ssl.CERT_REQUIRED
server.socket = context.wrap_socket(server.socket, server_side=True)
print(f"listening on {host}:{server.server_address[1]}", file=sys.stderr, flush=True)
server.serve_forever()
