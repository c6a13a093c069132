// Certificate and key of the API's listeners. Reading the settings reads both files and checks that they match.
import { resolve } from "node:path";
import type { KeyPair, KeyPairPaths } from "../proxy/edge/tls/key-pair.ts";
import { readKeyPairSettings } from "./key-pair.ts";

export interface ApiTls {
  /** The pair at the start. */
  readonly pair: KeyPair;
  /** The files of this pair and of its successors. */
  readonly paths: KeyPairPaths;
}

const certSetting = "REALMGATE_API_TLS_CERT";
const keySetting = "REALMGATE_API_TLS_KEY";

type ReportApiTls = (setting: typeof certSetting | typeof keySetting, problem: string) => void;

/** Empty paths are not set. Null when neither is set, or after a problem has been reported. */
export function readApiTls(certPath: string, keyPath: string, report: ReportApiTls): ApiTls | null {
  const pair = readKeyPairSettings({ certSetting, certPath, keySetting, keyPath }, report);
  if (pair === null) return null;
  return { pair, paths: { certPath: resolve(certPath), keyPath: resolve(keyPath) } };
}
