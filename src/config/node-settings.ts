// The settings of an installation in several processes, a part of the table in settings.ts.
import { PROCESS_NAME } from "../policy/process-name.ts";
import type { Setting } from "./setting.ts";
import {
  readCount,
  readHostName,
  readNodeToken,
  readOptionalListen,
  readText,
  readUrls,
} from "./setting-readers.ts";

export const nodeSettings = {
  REALMGATE_FEED_LISTEN: {
    group: "Several processes",
    default: "",
    unset: "`127.0.0.1:50052`",
    accepts: "`ADDRESS:PORT`",
    meaning: "control: the change feed for proxies",
    about:
      "Role `control`: where proxies on other machines follow the changes. Beyond loopback it requires TLS.",
    read: readOptionalListen,
  },
  REALMGATE_FEED_TLS_CERT: {
    group: "Several processes",
    default: "",
    unset: "plain text",
    accepts: "PEM file",
    meaning: "control: PEM certificate chain of the feed, the server's own first",
    about:
      "Role `control`: certificate chain of the feed's listener. Set it together with its key.",
    read: readText,
  },
  REALMGATE_FEED_TLS_KEY: {
    group: "Several processes",
    default: "",
    unset: "plain text",
    accepts: "PEM file",
    meaning: "control: private key of that certificate, PEM",
    about: "Role `control`: private key of that certificate, not encrypted.",
    read: readText,
  },
  REALMGATE_NODE_CA: {
    group: "Several processes",
    default: "",
    unset: "nodes have tokens",
    accepts: "PEM file",
    meaning: "control: authorities of the certificates of nodes",
    about:
      "Role `control`: authorities of the certificates of nodes, each with those that it comes from. The feed asks for a certificate then, and gRPC where it has TLS; tokens go on working.",
    read: readText,
  },
  REALMGATE_FULL_SYNCS_MAX: {
    group: "Several processes",
    default: "2",
    accepts: "1 to 9999999",
    meaning: "control: whole states that are sent to proxies at a time",
    about: "Role `control`: whole states that are sent to proxies at a time; others wait.",
    read: readCount,
  },
  REALMGATE_FEED_URLS: {
    group: "Several processes",
    default: "",
    unset: "required for the role `proxy`",
    accepts: "`https://HOST:PORT`, separated by commas; `http://` on loopback",
    meaning: "proxy: the feeds of the control planes",
    about:
      "Role `proxy`: the feeds of the control planes. It follows one, and another one when that is gone.",
    read: readUrls,
  },
  REALMGATE_CONTROL_URLS: {
    group: "Several processes",
    default: "",
    unset: "required for the role `gateway`",
    accepts: "`https://HOST:PORT`, separated by commas; `http://` on loopback",
    meaning: "gateway: the gRPC listeners of the control planes",
    about: "Role `gateway`: the gRPC listeners of the control planes.",
    read: readUrls,
  },
  REALMGATE_CONTROL_CA: {
    group: "Several processes",
    default: "",
    unset: "the system's authorities",
    accepts: "PEM file",
    meaning: "proxy, gateway: authorities of the control planes' certificates",
    about:
      "Roles `proxy` and `gateway`: authorities of the control planes' certificates. The file is read again when it changes.",
    read: readText,
  },
  REALMGATE_NODE_TOKEN: {
    group: "Several processes",
    default: "",
    unset: "required for the roles `proxy` and `gateway`, unless they have a certificate",
    accepts: "what `realmgate nodes create` printed",
    meaning: "proxy, gateway: the token of the node",
    about:
      "Roles `proxy` and `gateway`: the token of the node, which fixes the servers that a proxy may ask for. It also seals the proxy's snapshot.",
    read: readNodeToken,
  },
  REALMGATE_NODE_CERT: {
    group: "Several processes",
    default: "",
    unset: "the node has a token",
    accepts: "PEM file",
    meaning: "proxy, gateway: PEM certificate chain of the node, its own first",
    about:
      "Roles `proxy` and `gateway`: certificate chain of the node in place of a token, with the SAN `URI:realmgate:node/NAME`. Set it together with its key; both are read again when they change.",
    read: readText,
  },
  REALMGATE_NODE_KEY: {
    group: "Several processes",
    default: "",
    unset: "the node has a token",
    accepts: "PEM file",
    meaning: "proxy, gateway: private key of that certificate, PEM",
    about: "Roles `proxy` and `gateway`: private key of that certificate, not encrypted.",
    read: readText,
  },
  REALMGATE_PROCESS_NAME: {
    group: "Several processes",
    default: "main",
    accepts: "letters, digits and `-`",
    meaning: "proxy: names this process among those of its node",
    about:
      "Role `proxy`: names this process among those of its node; two that run at the same time need two names.",
    read: readHostName(PROCESS_NAME),
  },
} as const satisfies Record<`REALMGATE_${string}`, Setting<unknown>>;
