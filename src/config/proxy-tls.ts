// The data plane's TLS listener: all of its settings are set, or none.
import type { ProxyTls } from "../proxy/edge/listeners.ts";
import { readKeyPairSettings } from "./key-pair.ts";
import type { ListenAddress } from "./setting-readers.ts";

const listenSetting = "REALMGATE_PROXY_TLS_LISTEN";
const certSetting = "REALMGATE_TLS_CERT";
const keySetting = "REALMGATE_TLS_KEY";
const hstsSetting = "REALMGATE_HSTS_MAX_AGE_S";

type ReportProxyTls = (
  setting: typeof listenSetting | typeof certSetting | typeof keySetting | typeof hstsSetting,
  problem: string,
) => void;

interface ProxyTlsSettings {
  /** Null: not set. */
  readonly listen: ListenAddress | null;
  /** Empty: not set. */
  readonly certPath: string;
  readonly keyPath: string;
  readonly hstsMaxAgeS: number | null;
}

/** Null when TLS is off, or after a problem has been reported. */
export function readProxyTls(
  { listen, certPath, keyPath, hstsMaxAgeS }: ProxyTlsSettings,
  report: ReportProxyTls,
): ProxyTls | null {
  const hasPair = certPath !== "" || keyPath !== "";
  if (listen === null && !hasPair) {
    if (hstsMaxAgeS !== null) report(hstsSetting, `needs ${listenSetting}`);
    return null;
  }
  if (listen === null) {
    report(listenSetting, `must be set, too: ${certPath === "" ? keySetting : certSetting} is`);
  }
  if (!hasPair) {
    for (const setting of [certSetting, keySetting] as const) {
      report(setting, `must be set, too: ${listenSetting} is`);
    }
  }
  const files = readKeyPairSettings({ certSetting, certPath, keySetting, keyPath }, report);
  if (files !== null && files.pair.names.length === 0) {
    report(certSetting, "names no host in its subjectAltName: every request would get 421");
  }
  if (listen === null || files === null) return null;
  return { ...listen, ...files, hstsMaxAgeS };
}
