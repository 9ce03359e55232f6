/** A whole list as a file. */
import { useSignal } from "@preact/signals";
import { fetchFile } from "../api/client.ts";
import { texts } from "../shared/i18n/index.ts";
import { message, tell, tellError } from "../shared/messages.ts";
import { explain } from "../shared/problems.ts";

/** Seconds until the browser has surely read the file. */
const RELEASE_MS = 60_000;

export function Download(props: { path: string; name: string; label?: string }) {
  const m = texts.value;
  const busy = useSignal(false);
  const download = async () => {
    busy.value = true;
    tell(m.common.downloading);
    try {
      save(await fetchFile(props.path, "text/csv"), props.name);
      message.value = { text: m.common.downloaded, kind: "success" };
    } catch (error) {
      tellError(explain(error));
    } finally {
      busy.value = false;
    }
  };
  return (
    <button type="button" data-key="e" disabled={busy.value} onClick={() => void download()}>
      {props.label ?? m.common.download}
    </button>
  );
}

function save(content: Blob, name: string): void {
  const url = URL.createObjectURL(content);
  const link = document.createElement("a");
  link.href = url;
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(url), RELEASE_MS);
}
