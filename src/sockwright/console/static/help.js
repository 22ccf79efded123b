// The keyboard, as a page of its own: what works everywhere, and what works in Traffic.

import { $ } from "./dom.js";
import { listed } from "./keys.js";
import { trafficKeys } from "./traffic_keys.js";

trafficKeys();
$("#keys").append(listed());
