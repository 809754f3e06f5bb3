"""A quadruped of about 12 kg: a trunk, four legs of three joints, spherical rubber feet, on a ground of any kind.

Sizes and masses are those of a small electric quadruped as its makers publish them (thigh and shank 213 mm, foot
radius 20 mm), rounded; nothing is copied from a published model. The body is described once, in MJCF; ``built`` gives
each robot of a batch its own numbers. Knees point backward. Motors are position controllers:

    torque = kp (target − angle) − kd speed,    at most TORQUE_NM.

What a real robot's balance controller does is stood in for by a torque against the trunk's own rotation.
Ground contact is MuJoCo's: a spring and damper given by a time constant and a damping ratio (``solref``), an impedance
that grows with depth (``solimp``), and an elliptic friction cone.

Reference: Todorov, Erez & Tassa, MuJoCo, IROS 2012; https://mujoco.readthedocs.io, "Computation", "Solver parameters".
"""

import copy
import functools
from collections.abc import Mapping

import mujoco
import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]

STEP_S = 0.002
GRAVITY_M_S2 = 9.81  # MuJoCo's own
LEGS = ("front_left", "front_right", "rear_left", "rear_right")
HIPS_M = np.asarray([(x, y, 0.0) for x in (0.19, -0.19) for y in (0.05, -0.05)])
SIDES = np.asarray([1.0, -1.0, 1.0, -1.0])  # left is positive y
HIP_LINK_M, THIGH_M, SHANK_M, FOOT_RADIUS_M = 0.08, 0.213, 0.213, 0.02
TRUNK_KG, HIP_KG, THIGH_KG, SHANK_KG, FOOT_KG = 5.2, 0.6, 0.9, 0.16, 0.06
TORQUE_NM = 28.0
STAND_M = 0.28
STAND_RAD = (0.0, 0.85, -1.7)  # hip, thigh, knee: foot below the thigh's joint, trunk STAND_M above the ground

FOOT_SENSORS = (("force", 1), ("rotation", 3), ("orientation", 4), ("velocity", 3))
FOOT_WIDTH = sum(width for _, width in FOOT_SENSORS)
TRUNK = slice(FOOT_WIDTH * len(LEGS), None)  # of sensordata: height of the trunk, its upward axis (3)

_LEG = """
<body name="{leg}_hip" pos="{x} {y} 0">
 <joint name="{leg}_hip" axis="1 0 0" range="-0.9 0.9"/>
 <inertial pos="0 {mid_hip} 0" mass="{hip_kg}" diaginertia="0.0005 0.0007 0.0005"/>
 <body name="{leg}_thigh" pos="0 {hip_link} 0">
  <joint name="{leg}_thigh" axis="0 1 0" range="-1.5 3.2"/>
  <inertial pos="0 {inside} -0.03" mass="{thigh_kg}" diaginertia="0.005 0.005 0.001"/>
  <body name="{leg}_shank" pos="0 0 -{thigh}">
   <joint name="{leg}_knee" axis="0 1 0" range="-2.75 -0.3"/>
   <inertial pos="0 0 -{mid_shank}" mass="{shank_kg}" diaginertia="0.001 0.001 0.00005"/>
   <geom name="{leg}" class="foot" pos="0 0 -{shank}"/>
   <site name="{leg}" pos="0 0 -{shank}" size="{wide}"/>
  </body>
 </body>
</body>"""

_FEEL = """
<touch name="{leg}_force" site="{leg}"/>
<gyro name="{leg}_rotation" site="{leg}"/>
<framequat name="{leg}_orientation" objtype="site" objname="{leg}"/>
<framelinvel name="{leg}_velocity" objtype="site" objname="{leg}"/>"""

_ROBOT = """
<mujoco model="quadruped">
 <compiler angle="radian"/>
 <option timestep="{step}" integrator="implicitfast" cone="elliptic" iterations="10" ls_iterations="8">
  <flag multiccd="disable"/>
 </option>
 <default>
  <joint damping="0.05" armature="0.01" frictionloss="0.1"/>
  <default class="foot"><geom type="sphere" size="{radius}" mass="{foot_kg}" contype="0" conaffinity="1"/></default>
 </default>
 <worldbody>
  <geom name="ground" type="plane" size="0 0 1" contype="1" conaffinity="0" priority="1" condim="3"/>
  <body name="trunk" pos="0 0 {height}">
   <freejoint/>
   <inertial pos="0 0 0" mass="{trunk_kg}" diaginertia="0.02 0.07 0.08"/>
   <geom name="trunk" type="box" size="0.19 0.05 0.05" mass="0" contype="0" conaffinity="1"/>
   <site name="trunk"/>{legs}
  </body>
 </worldbody>
 <actuator>{motors}</actuator>
 <sensor>{feelings}
  <framepos name="trunk_place" objtype="site" objname="trunk"/>
  <framezaxis name="trunk_up" objtype="site" objname="trunk"/>
 </sensor>
</mujoco>"""


def description() -> str:
    """The robot in MJCF: 18 degrees of freedom, 12 motors, the truth that sensors are made from."""
    legs, motors = "", ""
    for leg, (x, y, _), side in zip(LEGS, HIPS_M, SIDES, strict=True):
        legs += _LEG.format(
            leg=leg, x=x, y=y, hip_link=side * HIP_LINK_M, mid_hip=side * 0.02, inside=-side * 0.02, thigh=THIGH_M,
            shank=SHANK_M, mid_shank=SHANK_M / 2, hip_kg=HIP_KG, thigh_kg=THIGH_KG, shank_kg=SHANK_KG,
            wide=FOOT_RADIUS_M * 1.5,
        )  # fmt: skip
        limit = f'forcerange="-{TORQUE_NM} {TORQUE_NM}"'
        motors += "".join(f'<position joint="{leg}_{name}" {limit}/>' for name in ("hip", "thigh", "knee"))
    feelings = "".join(_FEEL.format(leg=leg) for leg in LEGS)
    return _ROBOT.format(
        step=STEP_S, radius=FOOT_RADIUS_M, foot_kg=FOOT_KG, height=STAND_M + FOOT_RADIUS_M, trunk_kg=TRUNK_KG,
        legs=legs, motors=motors, feelings=feelings,
    )  # fmt: skip


@functools.cache
def _original() -> mujoco.MjModel:
    return mujoco.MjModel.from_xml_string(description())


@functools.cache
def _scratch() -> mujoco.MjData:
    return mujoco.MjData(_original())


def built(numbers: Mapping[str, float]) -> mujoco.MjModel:
    """One robot on one ground.

    Args:
        numbers: ``friction``, ``ground_time_s``, ``ground_damping``, ``ground_impedance``, ``ground_depth_m``,
            ``mass_factor``, ``motor_stiffness_nm_rad``, ``motor_damping_nms_rad``, ``joint_damping_nms_rad``,
            ``balance_nms_rad``.
    """
    model = copy.copy(_original())
    ground = model.geom("ground").id
    model.geom_friction[ground, 0] = numbers["friction"]
    model.geom_solref[ground] = (numbers["ground_time_s"], numbers["ground_damping"])
    model.geom_solimp[ground, :3] = (numbers["ground_impedance"], 0.97, numbers["ground_depth_m"])
    trunk = model.body("trunk").id
    model.body_mass[trunk] *= numbers["mass_factor"]
    model.body_inertia[trunk] *= numbers["mass_factor"]
    model.actuator_gainprm[:, 0] = numbers["motor_stiffness_nm_rad"]
    model.actuator_biasprm[:, 1] = -numbers["motor_stiffness_nm_rad"]
    model.actuator_biasprm[:, 2] = -numbers["motor_damping_nms_rad"]
    model.dof_damping[3:6] = numbers["balance_nms_rad"]
    model.dof_damping[6:] = numbers["joint_damping_nms_rad"]
    mujoco.mj_setConst(model, _scratch())  # what MuJoCo derives from masses
    return model


def weight_n(model: mujoco.MjModel) -> float:
    """Weight of the whole robot."""
    return float(model.body_subtreemass[0]) * GRAVITY_M_S2
