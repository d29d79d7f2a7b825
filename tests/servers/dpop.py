"""An API whose tokens are bound to a key (RFC 9449); every proof is verified with PyJWT."""

from __future__ import annotations

import base64
import hashlib
import json
import secrets

import jwt
from flask import Flask, jsonify, request

KINDS = {"EC": ("crv", "kty", "x", "y"), "RSA": ("e", "kty", "n")}


def _encode(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).decode().rstrip("=")


class DPoPApi:
    """A token endpoint and a resource that both insist on proofs with their own current nonce."""

    def __init__(self, *, token_type: str = "DPoP") -> None:
        self.token_type = token_type
        self.tokens: dict[str, str] = {}
        self.seen: set[str] = set()
        self.nonces = {"token": "token-nonce-1", "resource": "resource-nonce-1"}
        self.token_requests = 0
        self.refusals: list[str] = []
        self.app = Flask("dpop")
        self.app.post("/token")(self.token)
        self.app.get("/resource")(self.resource)

    def token(self):
        """Give a token bound to the proof's key."""
        self.token_requests += 1
        proof, problem = self._verify("token")
        if problem:
            return self._refuse(400, problem, "token")
        text = secrets.token_urlsafe(16)
        self.tokens[text] = proof["jkt"]
        return jsonify(access_token=text, token_type=self.token_type, expires_in=3600)

    def resource(self):
        """Answer the holder of the key."""
        scheme, _, text = request.headers.get("Authorization", "").partition(" ")
        proof, problem = self._verify("resource")
        if problem:
            return self._refuse(401, problem, "resource")
        is_bound = scheme == "DPoP" and self.tokens.get(text) == proof["jkt"]
        if not is_bound or proof.get("ath") != _encode(hashlib.sha256(text.encode()).digest()):
            return self._refuse(401, "invalid_token", "resource")
        return jsonify(ok=True)

    def _verify(self, place: str):
        text = request.headers.get("DPoP", "")
        try:
            header = jwt.get_unverified_header(text)
            jwk = header["jwk"]
            proof = jwt.decode(text, jwt.PyJWK(jwk).key, algorithms=["ES256"], options={"verify_aud": False})
        except (jwt.PyJWTError, KeyError) as error:
            return None, f"invalid_dpop_proof: {type(error).__name__}"
        wanted = {"htm": request.method, "htu": request.base_url}
        wrong = [name for name, value in wanted.items() if proof.get(name) != value]
        if header.get("typ") != "dpop+jwt" or "d" in jwk or wrong or proof["jti"] in self.seen:
            return None, f"invalid_dpop_proof: {wrong or 'typ, key or jti'}"
        self.seen.add(proof["jti"])
        if proof.get("nonce") != self.nonces[place]:
            return None, "use_dpop_nonce"
        thumb = json.dumps({name: jwk[name] for name in KINDS[jwk["kty"]]}, separators=(",", ":"))
        return {**proof, "jkt": _encode(hashlib.sha256(thumb.encode()).digest())}, None

    def _refuse(self, status: int, problem: str, place: str):
        self.refusals.append(problem)
        response = jsonify(error=problem.split(":", maxsplit=1)[0])
        response.status_code = status
        response.headers["DPoP-Nonce"] = self.nonces[place]
        if status == 401:
            response.headers["WWW-Authenticate"] = f'DPoP error="{problem.split(":", maxsplit=1)[0]}"'
        return response
