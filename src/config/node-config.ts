// The settings of the roles `control`, `proxy` and `gateway`, beyond those of `serve`.
import { readFileSync } from "node:fs";
import { isLoopback } from "../policy/address-policy.ts";
import { type Config, type ParsedConfig, parseConfig } from "./config.ts";
import { type KeyPairFiles, readKeyPairSettings } from "./key-pair.ts";
import { readNodeAuthorities, readNodeCertificateSettings } from "./node-certificates.ts";
import type { ListenAddress } from "./setting-readers.ts";
import { flagOf } from "./settings.ts";

export type Role = "control" | "proxy" | "gateway";

export interface NodeConfig {
  readonly config: Config;
  readonly feedListen: ListenAddress;
  /** Null: plain text. */
  readonly feedTls: KeyPairFiles | null;
  readonly fullSyncsMax: number;
  readonly feedUrls: readonly string[];
  readonly controlUrls: readonly string[];
  /** PEM; null: the system's. */
  readonly controlCa: Buffer | null;
  /** Of a proxy or gateway: this, or a certificate. */
  readonly nodeToken: string | null;
  readonly nodeCertificate: KeyPairFiles | null;
  /** Authorities of nodes' certificates, each as PEM. Null: nobody is asked for one. */
  readonly nodeAuthorities: readonly string[] | null;
  readonly processName: string;
}

type ParsedNodeConfig =
  | { readonly ok: true; readonly node: NodeConfig }
  | { readonly ok: false; readonly problems: readonly string[] };

/** Settings that a role must not have: whoever breaks into its machine would have them, too. */
const foreign: Readonly<Record<Role, readonly string[]>> = {
  control: ["REALMGATE_NODE_TOKEN", "REALMGATE_NODE_KEY"],
  proxy: ["REALMGATE_DATABASE_URL", "REALMGATE_SECRET_KEY", "REALMGATE_SECRET_KEY_FILE"],
  gateway: ["REALMGATE_DATABASE_URL", "REALMGATE_SECRET_KEY", "REALMGATE_SECRET_KEY_FILE"],
};

/** Reports everything at once. */
export function parseNodeConfig(
  role: Role,
  environment: Readonly<Record<string, string | undefined>>,
  flags: readonly string[],
): ParsedNodeConfig {
  const parsed: ParsedConfig = parseConfig(environment, flags);
  const problems: string[] = parsed.ok ? [] : [...parsed.problems];
  const { config } = parsed;
  const report = (name: string, problem: string) => problems.push(`${name} ${problem}`);
  const isSet = (name: string) =>
    Boolean(environment[name]) || flags.some((flag) => flag.split("=", 1)[0] === flagOf(name));
  for (const name of foreign[role]) {
    if (isSet(name)) report(name, `must not be set for the role ${role}`);
  }
  const { feed } = config;
  if (role === "control" && config.postgres === null) {
    report("REALMGATE_DATABASE_URL", "must be postgres://… for the role control");
  }
  if (role === "control" && config.postgres === null && config.secretKeys === null) {
    report("REALMGATE_SECRET_KEY", "is required for the role control");
  }
  const isCertified = feed.nodeCertPath !== "" || feed.nodeKeyPath !== "";
  if (role !== "control" && feed.nodeToken === null && !isCertified) {
    const other = "or set REALMGATE_NODE_CERT";
    report("REALMGATE_NODE_TOKEN", `is required: realmgate nodes create prints one; ${other}`);
  }
  if (role !== "control" && feed.nodeToken !== null && isCertified) {
    report(
      "REALMGATE_NODE_CERT",
      "cannot be set beside REALMGATE_NODE_TOKEN: a node has one of them",
    );
  }
  const urls = role === "proxy" ? feed.feedUrls : role === "gateway" ? feed.controlUrls : null;
  const urlsName = role === "proxy" ? "REALMGATE_FEED_URLS" : "REALMGATE_CONTROL_URLS";
  if (urls?.length === 0) report(urlsName, `is required for the role ${role}`);
  for (const url of urls ?? []) {
    const { protocol, hostname } = new URL(url);
    if (protocol === "http:" && !isLoopback(hostname.replace(/^\[(.*)\]$/, "$1"))) {
      report(urlsName, `has ${url}, which is beyond loopback: write https://`);
    } else if (protocol === "http:" && isCertified) {
      report(urlsName, `has ${url}, where no certificate can be shown: write https://`);
    }
  }
  const feedTls = readKeyPairSettings(
    {
      certSetting: "REALMGATE_FEED_TLS_CERT",
      certPath: feed.tlsCertPath,
      keySetting: "REALMGATE_FEED_TLS_KEY",
      keyPath: feed.tlsKeyPath,
    },
    report,
  );
  const feedListen = feed.listen ?? { hostname: "127.0.0.1", port: 50_052 };
  if (role === "control" && feed.tlsCertPath === "" && !isLoopback(feedListen.hostname)) {
    report(
      "REALMGATE_FEED_LISTEN",
      "is beyond loopback and has no TLS: set REALMGATE_FEED_TLS_CERT",
    );
  }
  const controlCa = readAuthorities(feed.controlCaPath, report);
  const nodeCertificate =
    role === "control"
      ? null
      : readNodeCertificateSettings(
          { certPath: feed.nodeCertPath, keyPath: feed.nodeKeyPath },
          report,
        );
  const nodeAuthorities = role === "control" ? readNodeAuthorities(feed.nodeCaPath, report) : null;
  if (role === "control" && feed.nodeCaPath !== "" && feed.tlsCertPath === "") {
    report(
      "REALMGATE_NODE_CA",
      "needs TLS, where certificates are shown: set REALMGATE_FEED_TLS_CERT",
    );
  }
  if (problems.length > 0) return { ok: false, problems };
  const { fullSyncsMax, feedUrls, controlUrls, processName, nodeToken } = feed;
  return {
    ok: true,
    node: {
      ...{ config, feedListen, feedTls, fullSyncsMax, feedUrls, controlUrls, controlCa },
      ...{ nodeToken, nodeCertificate, nodeAuthorities, processName },
    },
  };
}

function readAuthorities(
  path: string,
  report: (name: string, problem: string) => void,
): Buffer | null {
  if (path === "") return null;
  try {
    return readFileSync(path);
  } catch {
    report("REALMGATE_CONTROL_CA", `${path} cannot be read`);
    return null;
  }
}
