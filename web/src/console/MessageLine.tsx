/** Tells what was done, also to screen readers. */
import { texts } from "../shared/i18n/index.ts";
import { message } from "../shared/messages.ts";

export function MessageLine() {
  const found = message.value;
  return (
    <div class="message-line">
      <div role="status">
        {found?.kind === "success" && <Line text={found.text} kind="success" />}
      </div>
      <div role="alert">{found?.kind === "error" && <Line text={found.text} kind="error" />}</div>
    </div>
  );
}

function Line(props: { text: string; kind: string }) {
  return (
    <p class={`message ${props.kind}`}>
      {props.text}{" "}
      <button
        type="button"
        onClick={() => {
          message.value = null;
        }}
      >
        {texts.value.common.close}
      </button>
    </p>
  );
}
