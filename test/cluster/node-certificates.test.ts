// Proxies and gateways that are known by certificates, as operators make them with OpenSSL.
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Client, status } from "@grpc/grpc-js";
import { NodeService } from "../../proto/gen/realmgate/v1/nodes_pb.ts";
import { methodPath } from "../../proto/grpc.ts";
import { controlConnection } from "../../src/proxy/snapshot/control-connection.ts";
import type { Certificate } from "../harness/certificate.ts";
import { Cluster, type Member, RoleFailed, startRole } from "../harness/cluster.ts";
import { OpensslAuthority, openssl } from "../harness/openssl.ts";
import { postgresBinaries, sayWithoutPostgres } from "../harness/postgres-server.ts";
import { PairFiles } from "../harness/tls-bench.ts";
import { until } from "../harness/until.ts";

if (postgresBinaries === null) sayWithoutPostgres();
if (openssl === null) console.warn("SKIPPED: no `openssl` here, so no certificate of it is tried");

const startMsMax = 120_000;
const isHere = postgresBinaries !== null && openssl !== null;

/** What a client of the API gets that has no certificate, and no credential. */
function answers(url: string, ca: Buffer): Promise<status | undefined> {
  const { target, credentials, options } = controlConnection(url, { ca, pair: null });
  const client = new Client(target, credentials, options);
  const same = (bytes: Buffer) => bytes;
  return new Promise((resolve) => {
    const path = methodPath(NodeService.method.listNodes);
    client.makeUnaryRequest(path, same, same, Buffer.alloc(0), (error) => {
      resolve(error?.code);
      client.close();
    });
  });
}

describe.skipIf(!isHere)("nodes with certificates", () => {
  let cluster: Cluster;
  let root: OpensslAuthority;
  let authority: OpensslAuthority;
  let feedUrl = "";
  const folder = mkdtempSync(join(tmpdir(), "realmgate-nodes-"));
  const files = new Map<string, string>();
  const members: Member[] = [];

  beforeAll(async () => {
    root = OpensslAuthority.root("nodes");
    authority = root.intermediate("nodes of 2026");
    const serverPair = root.issue("control", { san: "IP:127.0.0.1", usage: "serverAuth" });
    for (const [name, text] of Object.entries({ ...serverPair, ca: root.cert })) {
      files.set(name, join(folder, name));
      await Bun.write(join(folder, name), text);
    }
    cluster = await Cluster.start({
      ...{ controls: 1, servers: [], gateway: false },
      environment: controlSettings(),
    });
    feedUrl = await cluster.feedUrls();
  }, startMsMax);

  afterAll(async () => {
    await Promise.all(members.map((member) => member.stop()));
    await cluster?.[Symbol.asyncDispose]();
    rmSync(folder, { recursive: true, force: true });
  }, startMsMax);

  const file = (name: string) => files.get(name) ?? "";
  const controlSettings = () => ({
    REALMGATE_FEED_TLS_CERT: file("cert"),
    REALMGATE_FEED_TLS_KEY: file("key"),
    REALMGATE_NODE_CA: file("ca"),
  });
  const of = (node: string) =>
    authority.issue(
      node,
      { san: `URI:realmgate:node/${node}`, usage: "clientAuth" },
      authority.cert,
    );

  /** Its id. */
  async function letIn(name: string, role: "proxy" | "gateway", servers: readonly string[]) {
    const response = await cluster.call("POST", "/nodes", { name, role, servers });
    return (await response.json()).data.id as string;
  }

  function place(pair: Certificate): PairFiles {
    const own = new PairFiles();
    own.write(pair);
    return own;
  }

  const proxySettings = (own: PairFiles, name: string) => {
    const dataDir = join(folder, name);
    mkdirSync(dataDir, { recursive: true });
    return {
      REALMGATE_DATA_DIR: dataDir,
      REALMGATE_SERVER_NAME: "east",
      REALMGATE_FEED_URLS: feedUrl,
      REALMGATE_CONTROL_CA: file("ca"),
      REALMGATE_NODE_CERT: own.certPath,
      REALMGATE_NODE_KEY: own.keyPath,
    };
  };

  async function start(role: string, settings: Record<string, string>): Promise<Member> {
    const member = await startRole(role, settings);
    members.push(member);
    return member;
  }

  /** What a proxy says that cannot start, and that it wrote nothing. */
  async function refusal(settings: Record<string, string> & { REALMGATE_DATA_DIR: string }) {
    const failed = await start("proxy", settings).catch((error: unknown) => error);
    if (!(failed instanceof RoleFailed)) throw new Error(`it started, or ${failed}`);
    expect(readdirSync(settings.REALMGATE_DATA_DIR)).toEqual([]);
    const lines = failed.logged.split("\n").filter((line) => line.startsWith("realmgate:"));
    return { code: failed.code, lines };
  }

  const metric = async (member: Member, name: string) => {
    const text = await (await fetch(`${member.said.ops}/metrics`)).text();
    return text.split("\n").find((line) => line.startsWith(name)) ?? "";
  };

  async function statusOf(node: string): Promise<string | undefined> {
    const { data } = await (await cluster.call("GET", "/nodes")).json();
    const found = data.nodes.find(({ id }: { id: string }) => id === node);
    return found?.processes[0]?.status;
  }

  test(
    "follow, go on when their certificate is renewed, and not once they are revoked",
    async () => {
      const id = await letIn("east-1", "proxy", ["east"]);
      await letIn("east-2", "proxy", ["east"]);
      const own = place(of("east-1"));
      const settings = proxySettings(own, "east-1");
      let proxy = await start("proxy", settings);
      await until(async () => (await statusOf(id)) === "online", "it is heard", 10_000);
      const series = 'realmgate_certificate_not_after_seconds{listener="node"}';
      expect(await metric(proxy, series)).not.toBe("");

      own.write(of("east-1"));
      proxy.signal("SIGHUP");
      const connects = "realmgate_feed_connects_total";
      const before = Number((await metric(proxy, connects)).split(" ")[1]);
      await until(
        () => proxy.log().includes("certificate of this node: the new one"),
        "it is read",
      );
      await until(
        async () => (await metric(proxy, "realmgate_feed_connected")).endsWith(" 1"),
        "on",
      );
      expect(Number((await metric(proxy, connects)).split(" ")[1])).toBeLessThanOrEqual(before + 1);
      expect(await statusOf(id)).toBe("online");

      const renewed = readFileSync(own.certPath, "utf8");
      const renewedKey = readFileSync(own.keyPath, "utf8");
      own.write(of("east-2"));
      proxy.signal("SIGHUP");
      await until(
        () => proxy.log().includes("cert names node east-2, and this process is of east-1"),
        "another node's is refused",
      );
      own.write({ cert: renewed, key: renewedKey });
      expect(await statusOf(id)).toBe("online");

      // What it keeps lies sealed under the key of the renewed certificate.
      await proxy.stop();
      const away = { ...settings, REALMGATE_FEED_URLS: "https://127.0.0.1:1" };
      proxy = await start("proxy", away);
      await proxy.stop();
      proxy = await start("proxy", settings);

      expect((await cluster.call("DELETE", `/nodes/${id}`)).status).toBe(200);
      await until(() => proxy.log().includes("revoked"), "it hears so", 10_000);
      await proxy.stop();
      const gone = await startRole("proxy", settings).catch((error: RoleFailed) => error);
      expect(gone).toBeInstanceOf(RoleFailed);
      expect((gone as RoleFailed).logged).toContain("no node is called east-1, or it was revoked");
    },
    startMsMax,
  );

  test(
    "of which something is wrong do not start, and say on one line what to do",
    async () => {
      await letIn("bad-1", "proxy", ["east"]);
      await letIn("west-1", "proxy", ["west"]);
      const other = OpensslAuthority.root("others");
      const san = "URI:realmgate:node/bad-1";
      const named = (pair: Certificate, n: number) => proxySettings(place(pair), `bad-${n}`);
      const bad: readonly (readonly [Certificate, number, string])[] = [
        [authority.issue("x", { san, days: -1 }, authority.cert), 1, "and not now: renew it"],
        [other.issue("x", { san }), 1, "is not of an authority in REALMGATE_NODE_CA"],
        [authority.issue("x", { san }), 1, "and put those between them into the file, too"],
        [
          root.issue("x", { san, usage: "serverAuth" }),
          1,
          "have one made with extendedKeyUsage clientAuth",
        ],
        [of("nobody"), 1, "no node is called nobody, or it was revoked"],
        [
          of("west-1"),
          1,
          "may not follow server east: its own are west; set REALMGATE_SERVER_NAME",
        ],
        [root.issue("x", {}), 2, "REALMGATE_NODE_CERT names no node: its SAN must have one URI:"],
      ];
      for (const [n, [pair, code, said]] of bad.entries()) {
        expect(await refusal(named(pair, n))).toEqual({
          code,
          lines: [expect.stringContaining(said)],
        });
      }
      // The control plane of the next line asks for no certificate.
      const { REALMGATE_NODE_CA: _, ...withoutCa } = controlSettings();
      const control = await cluster.startControl({ ...withoutCa, REALMGATE_NODE_CA: "" });
      members.push(control);
      const asked = { ...named(of("bad-1"), 99), REALMGATE_FEED_URLS: control.said.feed ?? "" };
      expect(await refusal(asked)).toEqual({
        code: 1,
        lines: [expect.stringContaining("at the control plane, REALMGATE_NODE_CA")],
      });
    },
    startMsMax,
  );

  test(
    "are gateways, too, until they are revoked",
    async () => {
      const id = await letIn("edge", "gateway", []);
      const control = await cluster.startControl({
        ...{ REALMGATE_API_TLS_CERT: file("cert"), REALMGATE_API_TLS_KEY: file("key") },
      });
      members.push(control);
      expect(await answers(control.said.grpc ?? "", readFileSync(file("ca")))).toBe(
        status.UNAUTHENTICATED,
      );
      const own = place(of("edge"));
      const trusted = join(folder, "gateway-ca");
      await Bun.write(trusted, root.cert);
      const gateway = await start("gateway", {
        REALMGATE_CONTROL_URLS: control.said.grpc ?? "",
        REALMGATE_CONTROL_CA: trusted,
        REALMGATE_NODE_CERT: own.certPath,
        REALMGATE_NODE_KEY: own.keyPath,
      });
      expect(await cluster.login(gateway.said.rest)).toBeString();
      own.write(of("edge"));
      gateway.signal("SIGHUP");
      await until(() => gateway.log().includes("of this node: the new one is in use"), "renewed");
      expect(await cluster.login(gateway.said.rest)).toBeString();
      // Other authorities are in use without a restart, and the right ones again.
      const isServed = async () =>
        (await fetch(`${gateway.said.rest}/api/v1/users/auth/me`)).status === 401;
      await Bun.write(trusted, OpensslAuthority.root("others").cert);
      gateway.signal("SIGHUP");
      await until(async () => !(await isServed()), "no control plane is trusted");
      await Bun.write(trusted, root.cert);
      gateway.signal("SIGHUP");
      await until(isServed, "it is trusted again");
      expect((await cluster.call("DELETE", `/nodes/${id}`)).status).toBe(200);
      const restStatus = async () =>
        (await fetch(`${gateway.said.rest}/api/v1/users/auth/me`)).status;
      await until(
        async () => (await restStatus()) === 503,
        "it speaks for nobody any more",
        10_000,
      );
      expect(gateway.log()).toContain("no node is called edge, or it was revoked");
    },
    startMsMax,
  );
});
