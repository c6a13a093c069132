import { expect, test } from "bun:test";
import { commands } from "../commands.ts";
import { retryHint } from "./retry-hint.ts";

function again(words: string, typed: readonly string[]): string {
  const command = commands.find((each) => each.words === words);
  if (command === undefined) throw new Error("no command");
  return retryHint(typed, command, new Map([["if-match", "file:v4"]]));
}

test.each([
  [
    "the version is the new one, what needs quotes has them",
    "projects proxy groups ip set",
    ["projects", "proxy", "groups", "ip", "set", "--group-name", "it's", "--if-match", "file:v3"],
    "realmgate projects proxy groups ip set --group-name 'it'\\''s' --if-match file:v4",
  ],
  [
    "also where it was written with =",
    "projects proxy state",
    ["projects", "proxy", "state", "--if-match=file:v3", "--enable-proxy", "-y"],
    "realmgate projects proxy state --if-match file:v4 --enable-proxy -y",
  ],
  [
    "secrets are left out, wherever they were said",
    "projects proxy groups jwt set",
    ["-t", "hdy_x", "projects", "proxy", "groups", "jwt", "set", "--secret=S3CRET", "-p", "pw"],
    "realmgate -t '…' projects proxy groups jwt set --secret '…' -p '…'",
  ],
  [
    "also where the command has a switch of the same name",
    "protect",
    ["--token", "hdy_x", "protect", "box", "--token", "-t", "hdy_y", "--yes"],
    "realmgate --token '…' protect box --token -t '…' --yes",
  ],
  [
    "of groups their names stay",
    "projects proxy permissions replace",
    ["projects", "proxy", "permissions", "replace", "--groups", 'team={"secret":"S3CRET"}'],
    "realmgate projects proxy permissions replace --groups team='…'",
  ],
  [
    "what came from standard input comes from there again",
    "projects proxy groups jwt set",
    ["projects", "proxy", "groups", "jwt", "set", "--secret", "-"],
    "realmgate projects proxy groups jwt set --secret -",
  ],
] as const)("%s", (_name, words, typed, line) => {
  expect(again(words, typed)).toBe(line);
});
