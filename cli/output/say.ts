/** Lines on standard output: for people, and as JSON for programs. */

export function say(text: string): void {
  process.stdout.write(`${text}\n`);
}

export function sayEvent(event: string, rest: object): void {
  say(JSON.stringify({ event, ...rest }));
}
