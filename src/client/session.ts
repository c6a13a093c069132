// A user's session as a credential: renewed with its refresh token when the server says that it is over.
import type { Credential } from "./credential.ts";
import { ApiError } from "./errors.ts";
import { operations } from "./gen/operations.ts";
import type { HttpClient } from "./http.ts";

/** What a login or a refresh answers with, as far as it matters here. */
export interface SessionTokens {
  readonly token: string;
  readonly refreshToken: string;
}

/**
 * `http`: calls as nobody. `renewed`: told of each new pair, for those who keep sessions. Calls that find the session over at
 * the same time share one renewal.
 */
export function sessionCredential(
  http: HttpClient,
  first: SessionTokens,
  renewed: (tokens: SessionTokens) => void = () => {},
): Credential {
  let tokens = first;
  let running: Promise<boolean> | null = null;
  const current = () => `Bearer ${tokens.token}`;

  async function refresh(): Promise<boolean> {
    const { refreshToken } = tokens;
    const { verb: method, path } = operations.users.refresh;
    try {
      const { data } = await http
        .with({ credential: refreshToken })
        .request<SessionTokens>({ method, path, body: { refreshToken } });
      tokens = { token: data.token, refreshToken: data.refreshToken };
    } catch (failure) {
      // The refusal of the call itself tells more than that of the renewal.
      if (failure instanceof ApiError) return false;
      throw failure;
    }
    renewed(tokens);
    return true;
  }

  return {
    authorization: current,
    renew: async (spent) => {
      if (spent !== current()) return true;
      running ??= refresh().finally(() => {
        running = null;
      });
      return running;
    },
  };
}
