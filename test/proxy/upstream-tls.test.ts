// Certificates of `https-PORT` upstreams: not looked at unless told, and then by the address that is dialled.
import { afterAll, beforeAll, expect, test } from "bun:test";
import { getCACertificates } from "node:tls";
import { type ProxyServer, startProxy } from "../../src/proxy/proxy.ts";
import { upstreamTlsOptions } from "../../src/proxy/upstream/tls.ts";
import { certificate } from "../harness/certificate.ts";
import { code, LOCAL, testBench } from "../harness/proxy-bench.ts";

const bench = await testBench();
const knowsAuthorities = getCACertificates("system").length > 0;
if (!knowsAuthorities) console.warn("skipped: this machine knows no certificate authorities");
const authority = certificate();
const hourAgo = Date.now() - 3_600_000;

/** What upstreams show. */
const shown = {
  "signed for its address": certificate({ issuer: authority }),
  "self-signed": certificate(),
  "signed for another address": certificate({ issuer: authority, addresses: ["127.0.0.2"] }),
  "signed for a name only": certificate({ issuer: authority, addresses: [] }),
  "signed, but ended": certificate({
    issuer: authority,
    notBeforeMs: hourAgo - 1_000,
    notAfterMs: hourAgo,
  }),
  "signed, but not yet": certificate({
    issuer: authority,
    notBeforeMs: Date.now() + 3_600_000,
    notAfterMs: Date.now() + 7_200_000,
  }),
} as const;

const upstreams = new Map(
  Object.entries(shown).map(([name, { cert, key }]) => [
    name,
    Bun.serve({
      hostname: "127.0.0.1",
      port: 0,
      tls: { cert, key },
      fetch: () => new Response("x"),
    }),
  ]),
);
const gates: Record<string, ProxyServer> = {};
beforeAll(async () => {
  const ca = authority.cert;
  for (const [name, upstreamTls] of [
    ["off", "off"],
    ["on", "system"],
    ["file", { ca }],
  ] as const) {
    if (upstreamTls === "system" && !knowsAuthorities) continue;
    gates[name] = await startProxy(bench.options({ upstreamTls }), bench.registry);
  }
});
afterAll(async () => {
  for (const gate of Object.values(gates)) await gate.stop(true);
  for (const upstream of upstreams.values()) await upstream.stop(true);
});

const OPEN = { own: { groups: { all: LOCAL }, permissions: { all: { https: true } } } };
const LOOKED_AT = "fails";

test
  .skipIf(!knowsAuthorities)
  .each<[keyof typeof shown, { off: string; on: string; file: string }]>([
    ["signed for its address", { off: "passes", on: LOOKED_AT, file: "passes" }],
    ["self-signed", { off: "passes", on: LOOKED_AT, file: LOOKED_AT }],
    ["signed for another address", { off: "passes", on: LOOKED_AT, file: LOOKED_AT }],
    ["signed for a name only", { off: "passes", on: LOOKED_AT, file: LOOKED_AT }],
    ["signed, but ended", { off: "passes", on: LOOKED_AT, file: LOOKED_AT }],
    ["signed, but not yet", { off: "passes", on: LOOKED_AT, file: LOOKED_AT }],
  ])("a certificate %s", async (name, expected) => {
  const { host } = await bench.place(OPEN);
  const outcome = async (via: ProxyServer | undefined) => {
    const response = await bench.ask(
      host(`https-${upstreams.get(name)?.port}`),
      via ? { via } : {},
    );
    if (response.status === 200) return "passes";
    expect(await code(response)).toEqual([502, "upstream_unreachable"]);
    return "fails";
  };
  const { off, on, file } = gates;
  expect({ off: await outcome(off), on: await outcome(on), file: await outcome(file) }).toEqual(
    expected,
  );
});

test("a connection that was not looked at is none for a gate that looks", async () => {
  const { host } = await bench.place(OPEN);
  const port = upstreams.get("self-signed")?.port;
  const [off, file] = [gates.off, gates.file];
  if (off === undefined || file === undefined) throw new Error("no gates");
  for (const [via, status] of [
    [off, 200],
    [file, 502],
    [off, 200],
    [file, 502],
  ] as const) {
    expect((await bench.ask(host(`https-${port}`), { via })).status).toBe(status);
  }
});

test("no authority at all is an error, not the runtime's own list", () => {
  expect(() => upstreamTlsOptions({ ca: "" })).toThrow("no certificate authorities");
});
