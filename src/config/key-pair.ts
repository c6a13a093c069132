// Two settings that name the files of a certificate and its key. Reading the settings reads the files.
import { resolve } from "node:path";
import {
  type KeyPair,
  type KeyPairPaths,
  type KeyPairProblem,
  readKeyPair,
} from "../proxy/edge/tls/key-pair.ts";

/** A certificate that may be renewed. */
export interface KeyPairFiles {
  /** The pair at the start. */
  readonly pair: KeyPair;
  /** The files of this pair and of its successors. */
  readonly paths: KeyPairPaths;
}

interface KeyPairSettings<Name extends string> {
  readonly certSetting: Name;
  /** Empty: not set. */
  readonly certPath: string;
  readonly keySetting: Name;
  readonly keyPath: string;
}

/** Null when neither path is set, or after a problem has been reported under the setting that it concerns. */
export function readKeyPairSettings<Name extends string>(
  settings: KeyPairSettings<Name>,
  report: (setting: Name, problem: string) => void,
): KeyPairFiles | null {
  const { certSetting, certPath, keySetting, keyPath } = settings;
  if (certPath === "" && keyPath === "") return null;
  if (certPath === "") report(certSetting, `must be set, too: ${keySetting} is`);
  if (keyPath === "") report(keySetting, `must be set, too: ${certSetting} is`);
  const read = readKeyPair({ certPath, keyPath });
  if (read.ok) {
    return { pair: read.pair, paths: { certPath: resolve(certPath), keyPath: resolve(keyPath) } };
  }
  // A path that is not set has been reported above.
  const isSet = ({ file }: KeyPairProblem) => (file === "cert" ? certPath : keyPath) !== "";
  for (const { file, problem } of read.problems.filter(isSet)) {
    report(file === "cert" ? certSetting : keySetting, problem);
  }
  return null;
}
