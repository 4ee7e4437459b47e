/** Which classes are taken for which; a cell of the table shows its images. */
import { useEffect, useState } from "preact/hooks";
import type { Confusion, LabelledImages } from "../../../protocol.ts";
import { percent } from "../../format.ts";
import { Tile } from "../../parts/Tiles.tsx";
import { request } from "../../state.ts";

const shownInCell = 40;

interface Cell {
  readonly row: number;
  readonly column: number;
}

export function Mistakes({ moment }: { readonly moment: string }) {
  const [matrix, setMatrix] = useState<Confusion | undefined>(undefined);
  const [chosen, setChosen] = useState<Cell | undefined>(undefined);
  const [shown, setShown] = useState<(Cell & { readonly images: LabelledImages }) | undefined>(undefined);
  const cell = chosen ?? (matrix && commonestMistake(matrix));
  useEffect(() => {
    void request("confusion").then((found) => setMatrix(found));
  }, [moment]);
  useEffect(() => {
    if (!cell) return;
    let isOver = false;
    void request("confused", cell.row, cell.column, shownInCell).then((images) => {
      if (!isOver) setShown(images && { ...cell, images });
    });
    return () => {
      isOver = true;
    };
  }, [matrix, cell?.row, cell?.column]);
  if (!matrix) return <p role="status">Classifying all test images</p>;
  const { counts, classes, accuracy } = matrix;
  const most = counts.reduce((a, b) => Math.max(a, b), 1);
  const count = classes.length;
  return (
    <section class="wide" aria-labelledby="mistakes">
      <h2 id="mistakes">
        What is taken for what{" "}
        <small>{percent(accuracy)} of the test images are right; choose a cell to see its images</small>
      </h2>
      <div class="mistakes">
        {/* biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls must be reachable by keyboard */}
        <section class="scroll" tabIndex={0} aria-label="Confusion matrix">
          <table class="matrix">
            <thead>
              <tr>
                <td class="corner">is ↓ taken for →</td>
                {classes.map((name) => (
                  <th scope="col" key={name}>
                    {name}
                  </th>
                ))}
              </tr>
            </thead>
            <tbody>
              {classes.map((name, row) => (
                <tr key={name}>
                  <th scope="row">{name}</th>
                  {classes.map((other, column) => {
                    const value = counts[row * count + column];
                    const share = value / most;
                    const isChosen = cell?.row === row && cell.column === column;
                    return (
                      <td key={other}>
                        {value > 0 && (
                          <button
                            type="button"
                            class={row === column ? "right" : "wrong"}
                            style={{ "--share": `${Math.round(100 * Math.sqrt(share))}%` }}
                            aria-pressed={isChosen}
                            aria-label={`${value} of ${name} taken for ${other}`}
                            onClick={() => setChosen({ row, column })}
                          >
                            {value}
                          </button>
                        )}
                      </td>
                    );
                  })}
                </tr>
              ))}
            </tbody>
          </table>
        </section>
        <div class="cell" role="status" aria-label="Images of the cell">
          {shown ? (
            <>
              <p>
                {classes[shown.row]} taken for {classes[shown.column]}
                {shown.images.count === shownInCell && `, the first ${shownInCell}`}
              </p>
              <ul class="columns">
                {Array.from({ length: shown.images.count }, (_, index) => (
                  <li key={index}>
                    <Tile
                      images={shown.images.images}
                      imageShape={shown.images.imageShape}
                      index={index}
                      label={`Test image: ${classes[shown.row]}, taken for ${classes[shown.column]}`}
                    />
                  </li>
                ))}
              </ul>
            </>
          ) : (
            <p class="note">No cell is chosen.</p>
          )}
        </div>
      </div>
    </section>
  );
}

/** What is shown before somebody chooses; undefined where everything is right. */
function commonestMistake({ counts, classes }: Confusion): Cell | undefined {
  let [most, worst]: [number, Cell | undefined] = [0, undefined];
  for (const [index, value] of counts.entries()) {
    const [row, column] = [Math.floor(index / classes.length), index % classes.length];
    if (row !== column && value > most) [most, worst] = [value, { row, column }];
  }
  return worst;
}
