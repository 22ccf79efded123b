// The keyboard, as a page of its own: what works everywhere, and what works in Traffic.

import { $ } from "./dom.js";
import { live } from "./feed.js";
import { listed } from "./keys.js";
import { trafficKeys } from "./traffic_keys.js";

live(() => {});
trafficKeys();
$("#keys").append(...listed());
