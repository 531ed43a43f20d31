"""The vocabulary that all text is made of."""

from typing import Final


def _words(text: str) -> tuple[str, ...]:
    return tuple(text.split())


NOUNS: Final = _words(
    """
    account address agenda alarm albumin allowance amendment amplifier anchor antenna appendix approval archive
    article asset attic auction audit axle backlog badge balance ballast bandwidth barrel basin battery beacon
    bearing bench binder blanket blueprint boiler bottleneck boundary bracket branch breaker bridge briefing
    brochure bucket budget buffer bulletin bundle cabinet cable calendar candidate canopy carrier carton catalogue
    ceiling certificate chamber channel charter chassis checklist chimney circuit clause clearance clinic cluster
    coating coil column committee compartment complaint compressor concrete condenser conduit consent console
    container contract conveyor corridor counter coupling courier coverage crane credit crew crossing curriculum
    cursor curtain customer cushion cylinder dashboard deadline debit deck delegate delivery deposit depot detour
    device diagram dial diet directory discount dispatch dispute dock donor dormitory draft drainage drawer drill
    driver duct dynamo easement edition elevator embargo emblem enclosure endowment engine enquiry enrolment
    envelope epoch equipment escrow estate estimate examiner excursion exhibit expense exporter extension fabric
    factory failure farm fastener faucet feeder fence ferry fibre fixture flange fleet flooring flow foil folder
    forecast forklift form foundry fragment frame freight frequency furnace fuse gallery garage garment gasket gate
    gauge gearbox generator glacier glaze goggles grant gravel greenhouse grid grinder guarantee guest guideline
    gutter habitat hallway hammer handbook handle hangar harbour harness harvest headline heater hedge helmet hinge
    hoist honey hose hostel hull hydrant icebox impeller import incident index inlet insulation insurer interest
    interface inventory invoice island jacket jar jetty journal junction keyboard kiln kiosk kitchen label ladder
    lagoon lamp landing lantern latch lattice laundry lawn layer leaflet lease ledge lens lever levy library licence
    lid lift lintel lobby locker lodge loft logbook lorry lounge lumber machine magnet mailbox mains mandate
    manifest mansion margin marina market mast mattress meadow measure medal memo merchant mesh meter mill mineral
    mirror mixer module moisture mortar motor museum napkin network nozzle nursery oak oath observatory office oil
    orchard order outage outlet oven overlay package paddle paint pallet pamphlet panel paper parcel park partition
    passage patch patient pavement payroll pendulum pension permit petition pier pillar pilot pipe piston pitch
    placement plank plaster platform plumbing pocket policy pollen pond porch port portal portfolio poster premise
    press pressure printer probe procedure profile projector protocol pulley pump purchase quarry quota quote rack
    radar radiator raft railing rain ramp receipt receiver recipe recorder refund register regulator relay remedy
    rent repair reservoir resin retailer revenue ribbon ridge rider rig ring risk river rivet road roof roster rotor
    route rubber rudder saddle safe salary sample sand satellite sauna scaffold scale schedule scheme scope screen
    screw sculpture seal season seat secretary seed segment sensor sequence server session settlement shaft shed
    shelf shelter shift shipment shutter siding signal silo sink siren sketch slab sleeve slope socket soil solvent
    spindle sponsor spool spring staff stage stairs stamp station statute steam steel stock storage storm strap
    stream studio subsidy supplier surface surgeon survey switch syllabus tank tariff task tenant tender tent
    terminal terrace textile theatre thermostat thread threshold ticket tile timber tool torque tower track trailer
    transfer tray treaty trench tribunal truck tube tunnel turbine tutor uniform valve van vault vehicle vendor
    venue verdict vessel veto viaduct village vineyard voucher waiver wall wardrobe warehouse warranty washer waste
    watch waterway weather wharf wheel winch window wiring workshop yard zone
    """
)
VERBS: Final = _words(
    """
    accept adjust admit advise align allocate amend announce appoint approve arrange assemble assign attach balance
    bill block borrow bring build calibrate cancel carry charge check claim clean clear close collect combine
    compare compile complete confirm connect consult convert copy correct cover create cut decline deliver deploy
    describe design detach detect develop discard discuss divide document drain draw drop edit empty enclose enlarge
    estimate examine exchange expand explain export fasten file fill filter finish fit fix fold forward freeze fund
    gather grade grant handle harvest heat hire hold host import improve inspect install insure invite issue join
    keep label launch lease lift limit link list load lock log lower maintain mark measure merge mix monitor mount
    move notify obtain offer open operate order overhaul pack paint park patch pay permit place plan polish post
    prepare press print process procure publish pull purchase push raise rank reach read rebuild receive recycle
    redirect reduce refill refuse register release remove renew rent repair replace report request reserve restore
    return review rotate route sample scan schedule seal search select sell send separate settle ship shorten sign
    solve sort split stack start stop store submit supply suspend switch tag test tighten trace train transfer
    transport treat trim unload update upgrade validate verify visit warn wash weigh widen withdraw wrap
    """
)
ADJECTIVES: Final = _words(
    """
    abrupt accurate active annual ample basic blank brief bright broad broken bulky busy calm central cheap chief
    civil clean coastal cold common compact complete corrosive costly crowded current damp dark deep delayed dense
    direct double dry dull eager early eastern elastic empty equal exact external faint fair false fast federal
    final firm flat flexible foreign formal fragile frequent fresh full general genuine gradual green half hard
    harsh heavy hidden hollow idle initial inner intact internal joint junior keen large late legal level light
    local long loose loud low main major manual massive mild minor missing mixed mobile modern moist narrow native
    neat neutral noisy northern novel obvious odd official open orange outer overdue partial patient plain polite
    portable potential precise prior private prompt public pure quick quiet rapid rare raw ready recent regional
    remote rigid rough round rural rusty safe scarce secure senior separate sharp short silent simple single slight
    slow small smooth soft solid spare special stable standard steady steep sticky strict strong sudden surplus tall
    temporary thick thin tidy tight tiny total unused upper urban urgent vacant vague valid vast vertical warm weak
    western wet whole wide wooden worn yearly
    """
)
ADVERBS: Final = _words(
    """
    again almost already always apart badly barely briefly carefully closely directly early easily entirely evenly
    finally formally freely fully gently gradually hardly hourly later likely mostly nearly often openly partly
    possibly promptly quickly quietly rarely roughly safely seldom separately slowly soon steadily strictly twice
    usually weekly
    """
)
SYLLABLES: Final = _words(
    """
    ba be bor bra cal cen cor da del dor dra el en fa fel fin gal gar gra hal hel il jor ka kel kor la lem lin lor
    ma mel mir mon na nel nim or pa pel por qua ra rel rin ro sa sel sen sol ta tel tor tri ul va vel vin wen xa yor
    za zel
    """
)
LANGUAGES: Final = _words(
    """
    Basque Catalan Croatian Czech Danish Dutch Estonian Finnish French German Greek Hungarian Icelandic Irish
    Italian Latvian Lithuanian Maltese Norwegian Polish Portuguese Romanian Slovak Slovene Spanish Swedish Turkish
    Welsh
    """
)
