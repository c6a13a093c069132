import { expect, test } from "bun:test";
import { mayAuthenticateConnection } from "./connection-auth.ts";

test.each([
  null,
  "Basic YTpi",
  "basic  YTpi",
  "Bearer a.b-c_d~e+f/g=",
  'Digest username="ada", realm="x", nonce="1"',
  "AWS4-HMAC-SHA256 Credential=a/b, SignedHeaders=host, Signature=0",
  "Token abc",
])("%j belongs to its request", (authorization) => {
  expect(mayAuthenticateConnection(authorization)).toBe(false);
});

test.each([
  "NTLM TlRMTVNTUAAB",
  "ntlm",
  "NTLM",
  "nTlM\tTlRM",
  "Negotiate YII=",
  "negotiate",
  "Kerberos x",
  "Nego2 x",
  "PKU2U x",
  "CredSSP x",
  "Basic YTpi, NTLM TlRM",
  "Bearer x,Negotiate YII=",
  ", NTLM x",
  "",
  "anything",
])("%j may belong to its connection", (authorization) => {
  expect(mayAuthenticateConnection(authorization)).toBe(true);
});
