/** The entry of the page. */

import "virtual:state-colours.css";
import "./styles.css";

import { CSPProvider } from "@base-ui/react/csp-provider";
import { StrictMode } from "react";
import { createRoot } from "react-dom/client";

import { App } from "./app/app.js";

const at = document.getElementById("root");
if (at === null) throw new Error("invariant: index.html has #root");
createRoot(at).render(
  <StrictMode>
    {/* The page's policy allows no style elements. */}
    <CSPProvider disableStyleElements>
      <App />
    </CSPProvider>
  </StrictMode>,
);
