// Certificate and key of the API's listeners: read, and checked against each other, when the settings are.
import { readKeyPairSettings } from "./key-pair.ts";

export interface ApiTls {
  /** The certificate and those that lead to its authority, as PEM. */
  readonly cert: string;
  /** Its private key as PEM, not encrypted. */
  readonly key: string;
}

const certSetting = "REALMGATE_API_TLS_CERT";
const keySetting = "REALMGATE_API_TLS_KEY";

type Fail = (setting: typeof certSetting | typeof keySetting, problem: string) => void;

/** Null when neither path is said, or when something is wrong, which is reported by the setting it is about. */
export function readApiTls(certPath: string, keyPath: string, fail: Fail): ApiTls | null {
  const pair = readKeyPairSettings({ certSetting, certPath, keySetting, keyPath }, fail);
  return pair === null ? null : { cert: pair.cert, key: pair.key };
}
