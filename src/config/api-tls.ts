// Certificate and key of the API's listeners. Reading the settings reads both files and checks that they match.
import { type KeyPairFiles, readKeyPairSettings } from "./key-pair.ts";

const certSetting = "REALMGATE_API_TLS_CERT";
const keySetting = "REALMGATE_API_TLS_KEY";

type ReportApiTls = (setting: typeof certSetting | typeof keySetting, problem: string) => void;

/** Empty paths are not set. Null when neither is set, or after a problem has been reported. */
export function readApiTls(
  certPath: string,
  keyPath: string,
  report: ReportApiTls,
): KeyPairFiles | null {
  return readKeyPairSettings({ certSetting, certPath, keySetting, keyPath }, report);
}
