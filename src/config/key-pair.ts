// Two settings that name the files of a certificate and its key: read when the settings are, problems by the setting.
import { type KeyPair, type KeyPairProblem, readKeyPair } from "../proxy/edge/tls/key-pair.ts";

export interface KeyPairSettings<Name extends string> {
  readonly certSetting: Name;
  readonly certPath: string;
  readonly keySetting: Name;
  readonly keyPath: string;
}

/** Null when neither path is said, or when something is wrong. */
export function readKeyPairSettings<Name extends string>(
  settings: KeyPairSettings<Name>,
  fail: (setting: Name, problem: string) => void,
): KeyPair | null {
  const { certSetting, certPath, keySetting, keyPath } = settings;
  if (certPath === "" && keyPath === "") return null;
  if (certPath === "") fail(certSetting, `must be set, too: ${keySetting} is`);
  if (keyPath === "") fail(keySetting, `must be set, too: ${certSetting} is`);
  const read = readKeyPair({ certPath, keyPath });
  if (read.ok) return read.pair;
  // What is not said has been told of.
  const said = ({ file }: KeyPairProblem) => (file === "cert" ? certPath : keyPath) !== "";
  for (const { file, problem } of read.problems.filter(said)) {
    fail(file === "cert" ? certSetting : keySetting, problem);
  }
  return null;
}
