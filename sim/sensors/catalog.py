"""The one table of sensors: each maker takes ``rate_hz`` and ``name``, and options of its own."""

from collections.abc import Callable

from sim.sensor import Sensor
from sim.sensors.encoder import encoder, tachometer
from sim.sensors.force import contact_switch, force
from sim.sensors.imu import imu
from sim.sensors.lidar import lidar
from sim.sensors.microphone import microphone
from sim.sensors.motor import motor_current, torque_sensor
from sim.sensors.ultrasound import ultrasound

SENSORS: dict[str, Callable[..., Sensor]] = {
    "contact_switch": contact_switch,
    "encoder": encoder,
    "force": force,
    "imu": imu,
    "lidar": lidar,
    "microphone": microphone,
    "motor_current": motor_current,
    "tachometer": tachometer,
    "torque_sensor": torque_sensor,
    "ultrasound": ultrasound,
}
