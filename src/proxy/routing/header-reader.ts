/**
 * The received header fields. `name` is in lower case. Several lines of one name are joined with `, ` (Cookie: `; `); null when
 * there is none. Must stay readable while the exchange is active: it is authorized again when the policy changes.
 */
export interface HeaderReader {
  get(name: string): string | null;
  /** Each field; those of one name may come one by one, or joined. */
  forEach(visit: (value: string, name: string) => void): void;
}
