// Which of several words counts.
import { afterAll, describe, expect, test } from "bun:test";
import {
  chmodSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { settings as serverSettings } from "../../config/settings.ts";
import { type ConfigFile, readConfig, writeConfig } from "./config-file.ts";
import { siteOf } from "./credential.ts";
import { ownVariables } from "./global-flags.ts";
import { readSettings, type Settings } from "./settings.ts";

const folder = mkdtempSync(join(tmpdir(), "realmgate-settings-"));
afterAll(() => rmSync(folder, { recursive: true }));

const REALM = "507f1f77bcf86cd799439011";
const OTHER = "60d5f1f3a3b4f9c3e8a1b2c3";
let files = 0;

function fileWith(config: ConfigFile | string): string {
  const path = join(folder, `config-${++files}.json`);
  writeFileSync(path, typeof config === "string" ? config : JSON.stringify(config), {
    mode: 0o600,
  });
  return path;
}

function read(
  flags: Record<string, unknown>,
  environment: Record<string, string> = {},
  config: ConfigFile | string = {},
) {
  const all = new Map(Object.entries({ config: fileWith(config), ...flags }));
  return readSettings({ flags: all, environment, home: folder });
}

function settings(...args: Parameters<typeof read>): Settings {
  const found = read(...args);
  if (!found.ok) throw new Error(found.problems.join("\n"));
  return found.settings;
}

describe("a flag beats a variable, that beats the file, and that the default", () => {
  const config: ConfigFile = {
    baseUrl: "https://file.example",
    output: "yaml",
    container: "c-file",
  };

  test.each([
    ["flag", { "base-url": "https://flag.example" }, "https://flag.example/"],
    ["environment", {}, "https://variable.example/"],
  ] as const)("base URL from the %s", (_from, flags, url) => {
    const environment = { REALMGATE_BASE_URL: "https://variable.example" };
    expect(settings(flags, environment, config).baseUrl.href).toBe(url);
  });

  test("base URL from the file, and by default this machine", () => {
    expect(settings({}, {}, config).baseUrl.href).toBe("https://file.example/");
    expect(settings({}).baseUrl.href).toBe("http://localhost:8080/");
  });

  test("our variables beat those of the other command line, which count, too", () => {
    const hoody = { HOODY_CONTAINER_ID: "c-hoody", HOODY_API_URL: "https://hoody.example" };
    expect(settings({}, hoody).container).toBe("c-hoody");
    expect(settings({}, hoody).baseUrl.href).toBe("https://hoody.example/");
    expect(settings({}, { ...hoody, REALMGATE_CONTAINER: "c-ours" }).container).toBe("c-ours");
    expect(settings({}, { REALMGATE_CONTAINER: "" }, config).container).toBe("c-file");
  });

  test("a profile stands in for the top of the file", () => {
    const profiles = { ci: { baseUrl: "https://ci.example" } };
    const found = settings({ profile: "ci" }, {}, { ...config, profiles });
    expect(found.baseUrl.href).toBe("https://ci.example/");
    expect(found.container).toBeUndefined();
    expect(settings({}, { HOODY_PROFILE: "ci" }, { profiles }).profileName).toBe("ci");
  });

  test.each(["toString", "__proto__", "cy"])("no profile %s is exit code 10", (profile) => {
    const found = read({ profile }, {}, { profiles: { ci: {} } });
    expect(found).toMatchObject({ ok: false, exit: 10 });
    expect(found.ok ? [] : found.problems[0]).toContain("there are ci");
  });
});

describe("the realm", () => {
  const api = "https://api.example";
  const inRealm = `https://${REALM}.api.example`;
  const inOther = `https://${OTHER}.api.example`;

  test.each([
    ["is the label of the base URL", { "base-url": inRealm }, {}, inRealm],
    ["is put before it", { "base-url": api, realm: REALM }, {}, inRealm],
    [
      "of a flag beats that of a variable's URL",
      { realm: OTHER },
      { HOODY_BASE_URL: inRealm },
      inOther,
    ],
    [
      "of a URL flag beats that of a variable",
      { "base-url": inRealm },
      { HOODY_REALM: OTHER },
      inRealm,
    ],
    [
      "of a variable is for a URL flag without one",
      { "base-url": api },
      { HOODY_REALM: OTHER },
      inOther,
    ],
    ["may be said twice alike", { "base-url": inRealm, realm: REALM }, {}, inRealm],
  ])("%s", (_name, flags, environment, url) => {
    expect(settings(flags, environment).baseUrl.href).toBe(`${url}/`);
  });

  test.each([
    ["two that differ, equally strong", { "base-url": inRealm, realm: OTHER }],
    ["a malformed one", { realm: "prod!" }],
    ["a name beside the realm of an equally strong URL", { "base-url": inRealm, realm: "prod" }],
    ["one on an address", { "base-url": "http://127.0.0.1:8080", realm: REALM }],
    ["a base URL with a password", { "base-url": "https://me:pw@api.example" }],
    ["a base URL that is none", { "base-url": "api.example" }],
  ])("%s cannot be used", (_name, flags) => {
    const found = read(flags);
    expect(found).toMatchObject({ ok: false, exit: 2 });
    expect(JSON.stringify(found)).not.toContain("pw@");
  });

  test("does not make another place: sessions are good in all of them", () => {
    expect(siteOf(settings({ "base-url": inRealm }).baseUrl)).toBe(api);
  });
});

describe("the file", () => {
  test("is written for its owner only, whole, and nothing is left beside it", () => {
    const path = join(folder, "new", "config.json");
    writeConfig(path, { baseUrl: "https://a.example" });
    chmodSync(path, 0o644);
    writeConfig(path, { baseUrl: "https://b.example" });
    expect(statSync(path).mode & 0o777).toBe(0o600);
    expect(statSync(join(folder, "new")).mode & 0o777).toBe(0o700);
    expect(JSON.parse(readFileSync(path, "utf8"))).toEqual({ baseUrl: "https://b.example" });
    expect(readdirSync(join(folder, "new"))).toEqual(["config.json"]);
  });

  test("that others can read is warned of", () => {
    const path = fileWith({ token: "hdy_x" });
    chmodSync(path, 0o644);
    const found = readConfig(path);
    expect(found.ok ? found.warnings : []).toEqual([
      `${path} can be read by others: chmod 600 ${path}`,
    ]);
  });

  test.each([
    ['{"baseUrl": "x",}', "line 1: expected a name in double quotes"],
    ['{\n  "baseUrl": 1\n}', "baseUrl must be a string"],
    ['{"baseurl": "x"}', "baseurl is not a setting (baseUrl, containersUrl, realm"],
    ['{"profiles": {"ci": {"session": {"token": 1}}}}', "profiles.ci.session is not a session"],
    ["[]", "must be a JSON object"],
  ])("%s cannot be used", (text, problem) => {
    const found = read({}, {}, text);
    expect(found).toMatchObject({ ok: false, exit: 2 });
    expect(found.ok ? "" : found.problems.join("\n")).toContain(problem);
  });
});

test("no variable of the command line is a setting of the server", () => {
  expect(ownVariables().filter((name) => Object.hasOwn(serverSettings, name))).toEqual([]);
});
