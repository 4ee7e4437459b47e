/** Where the files of a dataset that is not here yet come from. */
import { useState } from "preact/hooks";
import { dataTitles, homes, mnistFiles } from "../../../protocol.ts";
import { fetchData, folderAt } from "../../files.ts";
import { Field } from "../../parts/Field.tsx";
import { FileButton } from "../../parts/FileButton.tsx";

export function BringData({ name }: { readonly name: keyof typeof homes }) {
  const [address, setAddress] = useState(`./${name}/`);
  const [isBusy, setBusy] = useState(false);
  const folder = folderAt(address);
  const isForeign = folder !== undefined && folder.origin !== location.origin;
  return (
    <div class="bring">
      <p>{dataTitles[name]} is four files. Download them:</p>
      <ul>
        {mnistFiles.map((file) => (
          <li key={file}>
            <a
              href={new URL(`${file}.gz`, isForeign ? folder : homes[name]).href}
              target="_blank"
              rel="noreferrer"
            >
              {file}.gz
            </a>
          </li>
        ))}
      </ul>
      <p>Then drop all four together, anywhere on this page, or</p>
      <FileButton label="Choose the four files" multiple />
      <Field label="or a folder on this page’s host">
        <input
          type="text"
          value={address}
          spellcheck={false}
          aria-invalid={!folder || isForeign}
          onInput={({ currentTarget }) => setAddress(currentTarget.value)}
        />
      </Field>
      <div class="refusal" role="status">
        {!folder && <p>This is no address of the web.</p>}
        {isForeign && (
          <p>
            {folder.host} is another host, and this page asks none but its own ({location.host}): so you can
            be sure that it tells nobody anything. Download the four files from there, by the links above, and
            drop them here; or put them into a folder beside this page.
          </p>
        )}
      </div>
      <button
        type="button"
        disabled={isBusy || !folder || isForeign}
        onClick={async () => {
          if (!folder) return;
          setBusy(true);
          await fetchData(name, folder);
          setBusy(false);
        }}
      >
        Fetch
      </button>
    </div>
  );
}
