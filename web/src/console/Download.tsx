/** A file from the server. It is fetched by the page, so that a failure is told in words. */
import { useSignal } from "@preact/signals";
import { fetchFile } from "../api/client.ts";
import { texts } from "../shared/i18n/index.ts";
import { tell, tellError } from "../shared/messages.ts";
import { explain } from "../shared/problems.ts";

/** Milliseconds until the browser has surely read the file. */
const RELEASE_MS = 60_000;

export interface FileToFetch {
  path: string;
  name: string;
  type: string;
}

/** Fetches and saves files, one at a time, and tells how it goes. */
export function useDownload() {
  const busy = useSignal(false);
  const download = async (file: FileToFetch) => {
    if (busy.peek()) return;
    busy.value = true;
    tell(texts.value.common.downloading);
    try {
      save(await fetchFile(file.path, file.type), file.name);
      tell(texts.value.common.downloaded);
    } catch (error) {
      tellError(explain(error));
    } finally {
      busy.value = false;
    }
  };
  return { busy: busy.value, download };
}

/** A whole list as a file. */
export function Download(props: { path: string; name: string; label?: string }) {
  const { path, name } = props;
  const { busy, download } = useDownload();
  return (
    <button
      type="button"
      data-key="e"
      disabled={busy}
      onClick={() => void download({ path, name, type: "text/csv" })}
    >
      {props.label ?? texts.value.common.download}
    </button>
  );
}

export function save(content: Blob, name: string): void {
  const url = URL.createObjectURL(content);
  const link = document.createElement("a");
  link.href = url;
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(url), RELEASE_MS);
}
