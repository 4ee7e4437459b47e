/**
 * The line that moves: epoch, bar, loss, images a second, time left. On a narrow terminal it says less, in the
 * order in which a reader would miss it least, so that it is always one line.
 */
import type { StepEvent } from "./events.ts";
import { formatClock, formatLoss, formatRate } from "./format.ts";
import type { Style } from "./style.ts";

const longestBar = 40;

/**
 * @param columns the width of the terminal; the line is shorter by one, because some terminals wrap at once
 *   when the last column is written
 */
export function progressLine(progress: StepEvent, columns: number, style: Style): string {
  const { epoch, epochs, step, steps, samplesPerSecond, secondsLeft } = progress;
  const share = steps > 0 ? Math.min(1, step / steps) : 0;
  const percent = `${Math.floor(share * 100)}%`.padStart(4);
  const loss = formatLoss(progress.loss);
  const rate = formatRate(samplesPerSecond);
  const clock = formatClock(secondsLeft);
  const label = `${epoch}/${epochs}`;

  const width = columns - 1;
  const gap = width > 60 ? "  " : " ";
  const withBar: [shortestBar: number, label: string, ...parts: string[]][] = [
    [8, `epoch ${label}`, percent, `loss ${loss}`, `${rate} samples/s`, `ETA ${clock}`],
    [8, `epoch ${label}`, `loss ${loss}`, `${rate} samples/s`, `ETA ${clock}`],
    [8, label, `loss ${loss}`, `${rate}/s`, `ETA ${clock}`],
    [8, label, `loss ${loss}`, `${rate}/s`, clock],
    [4, label, loss, `${rate}/s`, clock],
  ];
  for (const [shortestBar, label, ...parts] of withBar) {
    const room = Math.min(longestBar, width - [label, "", ...parts].join(gap).length);
    if (room >= shortestBar) return [label, bar(share, room, style), ...parts].join(gap);
  }
  const withoutBar = [
    [label, percent, loss, clock],
    [label, percent, loss],
    [label, percent],
    [percent.trim()],
  ];
  return withoutBar.map((parts) => parts.join(" ")).find((line) => line.length <= width) ?? "";
}

function bar(share: number, width: number, style: Style): string {
  const filled = Math.round(share * width);
  return style.cyan("█".repeat(filled)) + style.dim("░".repeat(width - filled));
}
