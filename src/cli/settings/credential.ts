// Who calls: the strongest of what was said, else the stored session, which goes to the place it was made at and nowhere else.
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

/** The base URL without a realm: sessions are good for all realms of it. */
export function siteOf(baseUrl: URL): string {
  return inRealm(baseUrl, null).href.replace(/\/$/, "");
}

/**
 * Null: nothing was said that may go to this base URL. `anonymous`: a client that calls as nobody, to renew a session with.
 * Throws TypeError when what was said is no credential.
 */
export function credentialOf(settings: Settings, anonymous: () => HttpClient): Credential | null {
  const { identities, profile, baseUrl } = settings;
  const here = siteOf(baseUrl);
  // The strongest name goes with the strongest password, wherever each was said.
  const name = identities.find((each) => each.username !== undefined)?.username;
  for (const { from, token, password } of identities) {
    // What a file keeps was meant for the place that the same file names.
    if (from === "config" && here !== siteOf(parseBaseUrl(profile.baseUrl ?? defaultBaseUrl)))
      continue;
    if (token !== undefined) return bearer(token);
    if (password !== undefined && name !== undefined) return basic(name, password);
  }
  const { session } = profile;
  if (session === undefined || session.baseUrl !== here) return null;
  return sessionCredential(anonymous(), session, (renewed) => storeSession(settings, renewed));
}

/** Writes the session beside the other settings of the profile. The file is read again: another command may have changed it. */
export function storeSession(settings: Settings, tokens: SessionTokens): void {
  const session: StoredSession = {
    baseUrl: siteOf(settings.baseUrl),
    token: tokens.token,
    refreshToken: tokens.refreshToken,
  };
  changeProfile(settings, () => ({ session }));
}

/** Changes settings of the profile in force. */
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
