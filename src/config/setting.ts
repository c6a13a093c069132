// What one setting of `realmgate serve` is.

/** Reports what is wrong with a value; the text follows the setting's name. */
export type Report = (problem: string) => void;

/** Text of a setting → its value. After a report the value is a placeholder that is never used. */
export type Read<Value> = (text: string, report: Report) => Value;

export const settingGroups = [
  "Data",
  "Names",
  "Listeners",
  "TLS of the data plane",
  "TLS of the API",
  "Accounts and secrets",
  "Containers",
  "Limits and timeouts",
  "Logs",
  "Several processes",
] as const;

export interface Setting<Value> {
  readonly group: (typeof settingGroups)[number];
  /** The text that is read when neither the flag nor the variable is set. */
  readonly default: string;
  /** What applies when the setting is unset and `default` is empty, for people. */
  readonly unset?: string;
  /** The values that can be set, with units and bounds, for people. */
  readonly accepts: string;
  /** One line for `--help`. */
  readonly meaning: string;
  /** Sentences for the documentation, in Markdown. */
  readonly about: string;
  readonly read: Read<Value>;
}
