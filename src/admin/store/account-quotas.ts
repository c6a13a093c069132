// Quotas of accounts.

/** The account has as much as it may; see AccountQuotas. */
export class AccountQuotaReached extends Error {}

/** What one account may have. Operators' accounts are exempt. */
export interface AccountQuotas {
  readonly projectsMax: number;
  /** Containers over all of the account's projects, whoever made them. */
  readonly containersMax: number;
  /** Bytes of all documents and hooks of its projects and containers, as they are stored. */
  readonly documentBytesMax: number;
}
