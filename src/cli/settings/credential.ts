// The credential of a command: the one of highest precedence, else the stored session, which is sent only to the API that issued it.
import { inRealm, parseBaseUrl } from "../../client/api-host.ts";
import { basic, bearer, type Credential } from "../../client/credential.ts";
import type { HttpClient } from "../../client/http.ts";
import { type SessionTokens, sessionCredential } from "../../client/session.ts";
import {
  profileOf,
  readConfig,
  type StoredSession,
  withSettings,
  writeConfig,
} from "./config-file.ts";
import { defaultBaseUrl, type Settings } from "./settings.ts";

/** The base URL without its realm: a session is valid in all realms. */
export function siteOf(baseUrl: URL): string {
  return inRealm(baseUrl, null).href.replace(/\/$/, "");
}

/**
 * Null: no credential for this base URL. `anonymous`: a client without credentials, for renewing a session. Throws TypeError for a
 * malformed credential.
 */
export function credentialOf(settings: Settings, anonymous: () => HttpClient): Credential | null {
  const given = givenCredential(settings);
  if (given !== null) return given;
  const { session } = settings.profile;
  if (session === undefined || session.baseUrl !== siteOf(settings.baseUrl)) return null;
  return sessionCredential(anonymous(), session, (renewed) => storeSession(settings, renewed));
}

/** Whether an auth token is sent, and no session or password. Throws as credentialOf. */
export function sendsAuthToken(settings: Settings): boolean {
  return givenCredential(settings)?.authorization()?.startsWith("Bearer hdy_") ?? false;
}

/** Null: the stored session counts, if there is one. */
function givenCredential({ identities, profile, baseUrl }: Settings): Credential | null {
  const here = siteOf(baseUrl);
  // The name and the password of highest precedence belong together, whatever their sources.
  const name = identities.find((each) => each.username !== undefined)?.username;
  for (const { from, token, password } of identities) {
    // A credential in the file is only for the API that the same file names.
    if (from === "config" && here !== siteOf(parseBaseUrl(profile.baseUrl ?? defaultBaseUrl)))
      continue;
    if (token !== undefined) return bearer(token);
    if (password !== undefined && name !== undefined) return basic(name, password);
  }
  return null;
}

/** Stores the session in the profile. */
export function storeSession(settings: Settings, tokens: SessionTokens): void {
  const session: StoredSession = {
    baseUrl: siteOf(settings.baseUrl),
    token: tokens.token,
    refreshToken: tokens.refreshToken,
  };
  changeProfile(settings, () => ({ session }));
}

/** Changes settings of the active profile. Reads the file again, as another command may have changed it. */
export function changeProfile(
  settings: Settings,
  change: (profile: ReturnType<typeof profileOf>) => Parameters<typeof withSettings>[2],
): void {
  const read = readConfig(settings.configPath);
  const config = read.ok ? read.config : settings.config;
  const { profileName } = settings;
  writeConfig(
    settings.configPath,
    withSettings(config, profileName, change(profileOf(config, profileName))),
  );
}
