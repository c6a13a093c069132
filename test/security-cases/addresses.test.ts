// I: ip groups, from the socket to the decision. A million random pairs against a second library: src/policy/cidr-trie.test.ts.
import { describe, expect, test } from "bun:test";
import { parseNetwork } from "../../src/policy/address.ts";
import { startProxy } from "../../src/proxy/proxy.ts";
import { caseBench, codeOf } from "../harness/gate.ts";
import { parsed } from "../harness/policy.ts";
import { ip } from "../harness/proxy-bench.ts";
import { answerTo, request, Wire } from "../harness/wire.ts";

const bench = await caseBench();

const granting = (range: string) => ({
  own: { groups: { g: ip(range) }, permissions: { g: { terminal: true } }, default: "deny" },
});

/** Whether a client at this address, as a trusted proxy names it, is let in by this range. */
async function matches(range: string, client: string): Promise<boolean> {
  const { host } = await bench.scene(granting(range));
  const { port } = bench.behindTrusted;
  const answer = await answerTo(
    port,
    request(host, "GET / HTTP/1.1", `X-Forwarded-For: ${client}`),
  );
  if (answer?.status !== 200) expect(codeOf(answer?.body ?? "")).toBe("denied");
  return answer?.status === 200;
}

describe("I1 on a listener for both families an IPv4 client is its IPv4 address", () => {
  test("I1 the socket's own address", async () => {
    const proxy = await startProxy(bench.options({ hostname: "::" }), bench.registry);
    try {
      for (const [range, status] of [
        ["127.0.0.0/8", 200],
        ["10.0.0.0/8", 403],
      ] as const) {
        const { host, witness } = await bench.scene(granting(range));
        expect(await proxy.reached(bench.registry.revision, 5_000)).toBe(true);
        const wire = new Wire(proxy.port, "127.0.0.1").send(request(host));
        expect((await wire.answer())?.status).toBe(status);
        expect(witness.latest("x-forwarded-for")).toEqual(status === 200 ? ["127.0.0.1"] : []);
        wire.end();
      }
    } finally {
      await proxy.stop(true);
    }
  });

  test("I1 and an IPv6 client matches no IPv4 range, not even all of it", async () => {
    const proxy = await startProxy(bench.options({ hostname: "::" }), bench.registry);
    try {
      const { host } = await bench.scene(granting("0.0.0.0/0"));
      expect(await proxy.reached(bench.registry.revision, 5_000)).toBe(true);
      const wire = new Wire(proxy.port, "::1").send(request(host));
      expect((await wire.answer())?.status).toBe(403);
      wire.end();
    } finally {
      await proxy.stop(true);
    }
  });

  test("I6 a ban of every address of both families stops a client on ::1 and one on 127.0.0.1", async () => {
    const proxy = await startProxy(bench.options({ hostname: "::" }), bench.registry);
    try {
      const bans = (...ranges: string[]) => ({
        own: {
          groups: Object.fromEntries(ranges.map((range, i) => [`ban${i}`, ip(range)])),
          permissions: {},
          default: "allow",
        },
      });
      const statuses = async (...ranges: string[]) => {
        const { host } = await bench.scene(bans(...ranges));
        expect(await proxy.reached(bench.registry.revision, 5_000)).toBe(true);
        const status = async (address: string) => {
          const wire = new Wire(proxy.port, address).send(request(host));
          const answer = await wire.answer();
          wire.end();
          return answer?.status;
        };
        return [await status("127.0.0.1"), await status("::1")];
      };
      expect(await statuses("0.0.0.0/0", "::/0")).toEqual([403, 403]);
      expect(await statuses("::/0")).toEqual([200, 403]);
      expect(await statuses("0.0.0.0/0")).toEqual([403, 200]);
      expect(await statuses("0:0:0:0:0:0:0:1/128")).toEqual([200, 403]);
      expect(await statuses("2001:db8::/32")).toEqual([200, 200]);
    } finally {
      await proxy.stop(true);
    }
  });

  test("I1 mapped, as a trusted proxy may say it", async () => {
    expect(await matches("10.0.0.0/8", "::ffff:10.1.2.3")).toBe(true);
    expect(await matches("10.0.0.0/8", "::FFFF:0A01:0203")).toBe(true);
    expect(await matches("10.0.0.0/8", "::ffff:11.1.2.3")).toBe(false);
  });
});

test.each([
  "010.0.0.1/32",
  "0x0a.1/16",
  "0x0a.0.0.1/32",
  "10.1/16",
  "1.2.3.4/33",
  "1.2.3.4/08",
  "1.2.3.4/-1",
  "1.2.3.4/",
  "1.2.3.4",
  "fe80::1%eth0/64",
  "::1%lo/128",
  "::%0/0",
  "::ffff:0:0/96",
  "::ffff:10.0.0.0/104",
  "::1",
  "::/129",
  "::/00",
  "[::]/0",
  "1::2::3/64",
  "::ffff:0x0a.1.2.3/128",
  " ::/0",
  "::/0,2001:db8::/32",
  " 10.0.0.0/8",
  "10.0.0.0/8 ",
  "10.0.0.0 /8",
  "10.0.0.0/8,11.0.0.0/8",
  "",
])("I2 %j is no range: refused when it is written", (range) => {
  expect(parsed({ groups: { g: ip(range) } }).violations).toEqual(["/groups/g/range"]);
});

test("I3 host bits are cut off: when it is written, and when it matches", async () => {
  const { normal } = parsed({ groups: { g: ip("10.1.2.3/8") } });
  expect(normal?.groups.g?.range).toBe("10.0.0.0/8");
  expect(await matches("10.1.2.3/8", "10.200.0.1")).toBe(true);
  expect(await matches("10.1.2.3/8", "11.1.2.3")).toBe(false);
});

test.each([
  ["0.0.0.0/0", "0.0.0.0", true],
  ["0.0.0.0/0", "255.255.255.255", true],
  ["0.0.0.0/0", "2001:db8::1", false],
  ["0.0.0.0/0", "::", false],
  ["0.0.0.0/1", "127.255.255.255", true],
  ["0.0.0.0/1", "128.0.0.0", false],
  ["128.0.0.0/1", "128.0.0.0", true],
  ["128.0.0.0/1", "255.255.255.255", true],
  ["128.0.0.0/1", "126.255.255.255", false],
  ["255.255.255.255/32", "255.255.255.255", true],
  ["255.255.255.255/32", "255.255.255.254", false],
  ["0.0.0.0/32", "0.0.0.0", true],
  ["0.0.0.0/32", "0.0.0.1", false],
  ["203.0.113.6/31", "203.0.113.7", true],
  ["203.0.113.6/31", "203.0.113.5", false],
  ["203.0.113.6/31", "203.0.113.8", false],
  ["::/0", "2001:db8::1", true],
  ["::/0", "::", true],
  ["::/0", "203.0.113.7", false],
  ["::/0", "::ffff:203.0.113.7", false],
  ["2001:db8::/32", "2001:0DB8:ffff::1", true],
  ["2001:db8::/32", "2001:db9::", false],
  ["2001:DB8:0:0:0:0:0:1/128", "2001:db8::1", true],
  ["2001:db8::/127", "2001:db8::0.0.0.1", true],
  ["2001:db8::/127", "2001:db8::2", false],
])("I4 %s: %s is in it: %p", async (range, client, inside) => {
  expect(await matches(range, client)).toBe(inside);
});

test.each([
  ["2001:db8::/127", "2001:0DB8:0:0:0:0:0:1", true],
  ["2001:db8::/127", "2001:db8::2", false],
  ["2001:db8::1/128", "2001:db8:0::0:1", true],
  ["2001:db8::1/128", "2001:DB8::0001", true],
  ["::/0", "2001:db8::1", true],
  ["::/0", "203.0.113.7", false],
])("I5 a trusted proxy in %s may be spelled %s: %p", async (range, hop, trusted) => {
  const proxy = await startProxy(
    bench.options({ trustedProxies: ["127.0.0.0/8", range] }),
    bench.registry,
  );
  try {
    const { host } = await bench.scene(granting("198.51.100.0/24"));
    expect(await proxy.reached(bench.registry.revision, 5_000)).toBe(true);
    const line = `X-Forwarded-For: 198.51.100.7, ${hop}`;
    const answer = await answerTo(proxy.port, request(host, "GET / HTTP/1.1", line));
    expect(answer?.status).toBe(trusted ? 200 : 403);
  } finally {
    await proxy.stop(true);
  }
});

test("I5 a network of mapped addresses is refused where proxies are told: it is not clear which length is meant", () => {
  expect(parseNetwork("::ffff:203.0.113.0/120")).toBeNull();
});
