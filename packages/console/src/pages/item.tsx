/** One item on a page of its own: where one is after saying yes. */

import { useQuery } from "@tanstack/react-query";
import { Link, getRouteApi } from "@tanstack/react-router";

import { Title } from "../app/frame.js";
import { itemQuery } from "../data/queries.js";
import { Foreign } from "../ui/basic.js";
import { CopyAs } from "../ui/command.js";
import { Loaded } from "../ui/states.js";
import { Status } from "../ui/words.js";
import { ItemDetail } from "./item-detail.js";

const page = getRouteApi("/queue/$queueId");

export function ItemPage() {
  const { queueId } = page.useParams();
  const item = useQuery(itemQuery(queueId));
  return (
    <>
      <Title
        name={item.data?.task_id ?? queueId}
        aside={
          <>
            {item.data && <Status item={item.data} />}
            <CopyAs command={["queue", "show", queueId]} http={{ method: "GET", path: `/api/queue/${queueId}` }} />
          </>
        }
      >
        <Link to="/queue" className="quiet-link font-normal text-muted">
          Queue
        </Link>
        <span className="font-normal text-muted"> / </span>
        <Foreign text={item.data?.task_id ?? queueId} />
      </Title>
      <Loaded query={item} what="the item">
        {(data) => <ItemDetail item={data} wide />}
      </Loaded>
    </>
  );
}
