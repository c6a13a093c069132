import { bearerToken, isBasic, parseBasic } from "./authorization.ts";
import { type GroupSet, union } from "./bitset.ts";
import { longestMatch } from "./cidr-trie.ts";
import type { CompiledPolicy } from "./compile.ts";
import type { CredentialLocation } from "./credential-location.ts";
import { type CredentialReader, tokenInAuthorization } from "./credential-reader.ts";
import type { AddressKey } from "./ip-range.ts";
import type { VerifiedUser } from "./password-verifier.ts";
import type { SignatureBudget } from "./signature-budget.ts";
import { matchToken } from "./token-table.ts";
import type { TokenFault, VerifiedToken } from "./token-verifier.ts";

/**
 * The credentials of a request, as the edge found them, unverified. Each method returns null when the value is
 * absent, empty, or ambiguous (present more than once); names of headers are lower case, names of cookies and
 * parameters are case-sensitive.
 */
export interface PresentedCredentials {
  header(name: string): string | null;
  cookie(name: string): string | null;
  param(name: string): string | null;
}

/** The groups of one document that a request matches. */
export interface Identity {
  /** The groups that match. */
  readonly groups: GroupSet;
  /** A credential is present at a place that an enabled group of the document reads, matching or not. */
  readonly presented: boolean;
  /** One of the credentials that are presented matches no group and is no JWT outside its time: it may be a guess. */
  readonly wrong: boolean;
  /** One of them is a JWT outside its time: at another time the same request may match more. */
  readonly untimely: boolean;
  /** Places of the token and password credentials that matched; they are removed before forwarding. */
  readonly consumedCredentials: readonly CredentialLocation[];
  /**
   * The other jwt sources of the policy, where no JWT was verified: something else is there, or nothing. Not Authorization with a
   * well-formed Basic credential, which may be the program's own: nobody reads a JWT in it.
   */
  readonly unverifiedSources: readonly CredentialLocation[];
  /**
   * Unix seconds from which the match may no longer hold: the least `exp` of the matching JWTs plus the clock skew,
   * the first moment at which they are refused. Infinity when nothing expires.
   */
  readonly validUntilS: number;
  /** Whom a matching JWT (`sub`) or Basic credential names, at most 255 characters; null: neither does. For logs only. */
  readonly subject: string | null;
}

const NO_LOCATIONS: readonly CredentialLocation[] = [];

/**
 * Which groups of the policy a request matches. `address` is what parseAddressKey answered, `nowS` unix seconds. A plain value
 * unless `signatures` makes the client at the address `client` wait for a check; looks only at what the groups read; never throws or rejects.
 */
export function identify(
  policy: CompiledPolicy,
  presented: PresentedCredentials,
  address: AddressKey | null,
  nowS: number,
  client = "",
  signatures: SignatureBudget | null = null,
): Identity | Promise<Identity> {
  const byAddress = address === null ? policy.noGroups : longestMatch(policy.networks, address);
  if (policy.readers.length === 0) {
    return {
      groups: byAddress,
      presented: false,
      wrong: false,
      untimely: false,
      consumedCredentials: NO_LOCATIONS,
      unverifiedSources: NO_LOCATIONS,
      validUntilS: Number.POSITIVE_INFINITY,
      subject: null,
    };
  }
  let groups = byAddress;
  let found = false;
  let wrong = false;
  let untimely = false;
  let consumedCredentials = NO_LOCATIONS;
  let unverifiedSources = NO_LOCATIONS;
  let validUntilS = Number.POSITIVE_INFINITY;
  let subject: string | null = null;
  let pending: Promise<PlacedVerdict>[] | undefined;
  for (const reader of policy.readers) {
    const text = presented[reader.location.kind](reader.location.name);
    if (text === null || text === "") {
      if (reader.jwts !== null) {
        unverifiedSources = [...unverifiedSources, reader.location];
      }
      continue;
    }
    const counts = countsAsPresented(reader, text);
    found ||= counts;
    const password = matchPassword(reader, text);
    const known = matchKnown(reader, text, password);
    if (password !== undefined) {
      subject ??= password.username;
    }
    if (known !== undefined) {
      groups = groups === policy.noGroups ? known : union(groups, known);
      consumedCredentials = [...consumedCredentials, reader.location];
    }
    const verified = verifyJwt(reader, text, nowS, client, signatures);
    if (verified instanceof Promise) {
      pending ??= [];
      pending.push(verified.then((verdict) => ({ reader, text, known, verdict })));
    } else if (typeof verified === "object") {
      groups = groups === policy.noGroups ? verified.groups : union(groups, verified.groups);
      validUntilS = Math.min(validUntilS, verified.untilS);
      subject ??= verified.subject;
    } else {
      wrong ||= counts && known === undefined && verified === "invalid";
      untimely ||= verified === "untimely";
      if (known === undefined && mayBeReadAsJwt(reader, text)) {
        unverifiedSources = [...unverifiedSources, reader.location];
      }
    }
  }
  const sofar = {
    groups,
    presented: found,
    wrong,
    untimely,
    consumedCredentials,
    unverifiedSources,
    validUntilS,
    subject,
  };
  return pending === undefined
    ? sofar
    : Promise.all(pending).then((verified) => withTokens(sofar, verified));
}

/** What a verifier answers. */
type Verdict = VerifiedToken | TokenFault;

/** The same later, of a text at a place. `known`: groups that it matches as something else. */
interface PlacedVerdict {
  readonly reader: CredentialReader;
  readonly text: string;
  readonly known: GroupSet | undefined;
  readonly verdict: Verdict;
}

/** A program may take for one whatever is at the place that JWTs are read at: many cut off the first word and look at no scheme. */
function mayBeReadAsJwt({ jwts, authorization }: CredentialReader, text: string): boolean {
  return jwts !== null && !(authorization && parseBasic(text) !== null);
}

/** Where only passwords are read, only Basic counts as a credential. */
function countsAsPresented({ tokens, jwts }: CredentialReader, text: string): boolean {
  return tokens !== null || jwts !== null || isBasic(text);
}

function matchPassword({ passwords }: CredentialReader, text: string): VerifiedUser | undefined {
  return passwords === null || !isBasic(text) ? undefined : passwords.verify(text);
}

/** The groups that match by a static token or this password. */
function matchKnown(
  { tokens, authorization }: CredentialReader,
  text: string,
  password: VerifiedUser | undefined,
): GroupSet | undefined {
  const byToken =
    tokens === null
      ? undefined
      : matchToken(tokens, authorization ? tokenInAuthorization(text) : text);
  const byPassword = password?.groups;
  return byToken === undefined || byPassword === undefined
    ? (byToken ?? byPassword)
    : union(byToken, byPassword);
}

function verifyJwt(
  { jwts, authorization }: CredentialReader,
  text: string,
  nowS: number,
  client: string,
  signatures: SignatureBudget | null,
): Verdict | Promise<Verdict> {
  const token = authorization ? bearerToken(text) : text;
  return jwts === null || token === null ? "invalid" : jwts.verify(token, nowS, client, signatures);
}

function withTokens(sofar: Identity, verdicts: readonly PlacedVerdict[]): Identity {
  let { groups, wrong, untimely, unverifiedSources, validUntilS, subject } = sofar;
  for (const { reader, text, known, verdict } of verdicts) {
    if (typeof verdict === "object") {
      groups = union(groups, verdict.groups);
      validUntilS = Math.min(validUntilS, verdict.untilS);
      subject ??= verdict.subject;
    } else {
      // A static token that matched is right, whatever it would be as a JWT.
      wrong ||= verdict === "invalid" && known === undefined;
      untimely ||= verdict === "untimely";
      if (known === undefined && mayBeReadAsJwt(reader, text)) {
        unverifiedSources = [...unverifiedSources, reader.location];
      }
    }
  }
  return { ...sofar, groups, wrong, untimely, unverifiedSources, validUntilS, subject };
}
