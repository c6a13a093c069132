// What the store keeps of realms.

/** A realm that somebody made up. */
export interface NamedRealm {
  readonly id: string;
  readonly name: string;
  readonly createdAt: string;
}
