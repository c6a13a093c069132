// How much there may be of what callers make.

/** Members of a project. */
export const membersMax = 1000;
/** Aliases of a container. */
export const aliasesMax = 32;
/** Aliases in one list. */
export const aliasesListedMax = 1000;
/** Status logs kept of a container; the oldest go first. */
export const statusLogsMax = 1000;
/** Tokens that are not expired, of a user or made from one token. */
export const tokensMax = 1000;
/** Expired tokens of one maker that are kept, so that they can be given more time; the longest expired go first. */
export const expiredTokensMax = 1000;
/** Text of all tokens in one list, in bytes: 1,000 ordinary ones fit, 1,000 of the greatest do not. */
export const tokenListBytesMax = 8 * 1024 * 1024;
/** Events kept about what belongs to one account, whoever did it. */
export const eventsOfOwnerMax = 100_000;
/** Events that a total or a statistic counts: counting holds up everything else on SQLite. */
export const eventsCountedMax = 10_000;
/** Realms that an account may make up. */
export const realmNamesMax = 1000;
/** Realms that a token may name. */
export const tokenRealmsMax = 500;
/** How many tokens may lie between a token and the user session that it all began with. */
export const delegationDepthMax = 2;

/** Lineages that a database keeps: readers at an older one read everything again. */
export const lineagesMax = 1_000;
