// A user's session as a credential: renewed with its refresh token when the server reports that it has expired.
import type { Credential } from "./credential.ts";
import { ApiError } from "./errors.ts";
import { operations } from "./gen/operations.ts";
import type { HttpClient } from "./http.ts";

/** The tokens in the answer to a login or a refresh. */
export interface SessionTokens {
  readonly token: string;
  readonly refreshToken: string;
}

/**
 * `http`: a client without credentials. `renewed`: called with each new pair, so that the caller can store it. Concurrent calls
 * that find the session expired share one renewal.
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
      // The error of the original call says more than that of the renewal.
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
