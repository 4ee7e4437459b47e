/** Where the files of a dataset that is not here yet come from. */
import { useState } from "preact/hooks";
import { type DataName, dataTitles } from "../../../protocol.ts";
import { fetchData } from "../../files.ts";
import { Field } from "../../parts/Field.tsx";
import { FileButton } from "../../parts/FileButton.tsx";

export function BringData({ name }: { readonly name: DataName }) {
  const [address, setAddress] = useState(`./${name}/`);
  const [isBusy, setBusy] = useState(false);
  return (
    <div class="bring">
      <p>
        {dataTitles[name]} is four files, <code>train-images-idx3-ubyte.gz</code> and so on. Drop them
        anywhere on this page, or
      </p>
      <FileButton label="Choose the four files" multiple />
      <Field label="or a folder on this page’s host">
        <input
          type="text"
          value={address}
          spellcheck={false}
          onInput={({ currentTarget }) => setAddress(currentTarget.value)}
        />
      </Field>
      <button
        type="button"
        disabled={isBusy}
        onClick={async () => {
          setBusy(true);
          await fetchData(name, address);
          setBusy(false);
        }}
      >
        Fetch
      </button>
    </div>
  );
}
