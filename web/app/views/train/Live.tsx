/** The training under way, or what there is to learn from before the first. */
import { Curve } from "../../parts/Curve.tsx";
import { compiling, pictures, status } from "../../state.ts";
import { EpochTable } from "./EpochTable.tsx";
import { Figures } from "./Figures.tsx";
import { Invitation } from "./Invitation.tsx";
import { Picture } from "./Picture.tsx";

export function Live() {
  const { phase, model, doing } = status.value;
  if (!model) {
    return phase === "preparing" ? <Waiting text={doing ?? "Preparing"} /> : <Invitation />;
  }
  return (
    <>
      <Figures />
      {phase === "preparing" && <Waiting text={doing ?? "Preparing"} />}
      {compiling.value !== undefined && <Waiting text={compilingText(compiling.value)} />}
      <section aria-labelledby="curve">
        <h2 id="curve">
          Loss <small>{model.lossName}, each step; dashed: test images, each epoch</small>
        </h2>
        <Curve lossName={model.lossName} />
      </section>
      {pictures.value.map((picture) => (
        <Picture key={picture.type === "images" ? picture.name : picture.type} picture={picture} />
      ))}
      <EpochTable />
    </>
  );
}

function compilingText(kernels: number): string {
  return kernels > 0 ? `Compiling kernels for this adapter: ${kernels} so far` : "Preparing the first step";
}

function Waiting({ text }: { readonly text: string }) {
  return (
    <div class="waiting" role="status">
      <p>{text}</p>
      <progress aria-label={text} />
    </div>
  );
}
