// The data plane's listener with TLS: all of its settings, or none.
import { resolve } from "node:path";
import type { Listen, ProxyTls } from "../proxy/edge/listeners.ts";
import { readKeyPairSettings } from "./key-pair.ts";

const listenSetting = "REALMGATE_PROXY_TLS_LISTEN";
const certSetting = "REALMGATE_TLS_CERT";
const keySetting = "REALMGATE_TLS_KEY";
const hstsSetting = "REALMGATE_HSTS_MAX_AGE_S";

type Fail = (
  setting: typeof listenSetting | typeof certSetting | typeof keySetting | typeof hstsSetting,
  problem: string,
) => void;

export interface ProxyTlsSettings {
  /** Empty: not set. */
  readonly listen: string;
  readonly certPath: string;
  readonly keyPath: string;
  readonly hstsMaxAgeS: number | null;
}

/** Null when it is off or something is wrong. `readListen` reads the address and reports what is wrong with it. */
export function readProxyTls(
  { listen, certPath, keyPath, hstsMaxAgeS }: ProxyTlsSettings,
  readListen: () => Listen,
  fail: Fail,
): ProxyTls | null {
  const hasPair = certPath !== "" || keyPath !== "";
  if (listen === "" && !hasPair) {
    if (hstsMaxAgeS !== null) fail(hstsSetting, `needs ${listenSetting}`);
    return null;
  }
  if (listen === "") {
    fail(listenSetting, `must be set, too: ${certPath === "" ? keySetting : certSetting} is`);
  }
  if (!hasPair) {
    for (const setting of [certSetting, keySetting] as const) {
      fail(setting, `must be set, too: ${listenSetting} is`);
    }
  }
  const at = listen === "" ? null : readListen();
  const pair = readKeyPairSettings({ certSetting, certPath, keySetting, keyPath }, fail);
  if (pair !== null && pair.names.length === 0) {
    fail(certSetting, "names no host in its subjectAltName: every request would be misdirected");
  }
  if (at === null || pair === null) return null;
  const paths = { certPath: resolve(certPath), keyPath: resolve(keyPath) };
  return { ...at, pair, paths, hstsMaxAgeS };
}
