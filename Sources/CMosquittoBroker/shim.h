// The plugin interface of the Mosquitto broker (Debian: mosquitto-dev, headers only). The functions themselves are
// in the broker's executable, which is why nothing is linked here.
#include <stddef.h>
#include <stdint.h>
#include <stdbool.h>
// mosquitto_plugin.h of 2.0.11 uses types of mosquitto_broker.h without including it.
#include <mosquitto_broker.h>
#include <mosquitto_plugin.h>
#include <mosquitto.h>
#include <mqtt_protocol.h>

// Swift cannot call variadic C functions.
static inline void pushgate_broker_log(int level, const char *text) { mosquitto_log_printf(level, "%s", text); }
