// Certificate and key of the API's listeners. Reading the settings reads both files and checks that they match.
import { readKeyPairSettings } from "./key-pair.ts";

export interface ApiTls {
  /** The server's certificate and its intermediates, as PEM. */
  readonly cert: string;
  /** The private key as PEM, not encrypted. */
  readonly key: string;
}

const certSetting = "REALMGATE_API_TLS_CERT";
const keySetting = "REALMGATE_API_TLS_KEY";

type ReportApiTls = (setting: typeof certSetting | typeof keySetting, problem: string) => void;

/** Empty paths are not set. Null when neither is set, or after a problem has been reported. */
export function readApiTls(certPath: string, keyPath: string, report: ReportApiTls): ApiTls | null {
  const pair = readKeyPairSettings({ certSetting, certPath, keySetting, keyPath }, report);
  return pair === null ? null : { cert: pair.cert, key: pair.key };
}
